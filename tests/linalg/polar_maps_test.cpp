#include <cmath>
#include <cstdio>
#include <dfrot/linalg/detail/polar_maps.hpp>
#include <dfrot/linalg/detail/polar_steps.hpp>

#include "support/catch.hpp"

namespace {

using dfrot::detail::inverse_root_series;

/// The largest |p(e) - 1 / sqrt(1 - e)| over |e| <= size, at many places.
long double largest_error(inverse_root_series const& series, double size) {
  long double largest = 0;
  for (int i = -1000; i <= 1000; ++i) {
    long double const e = static_cast<long double>(size) * i / 1000;
    long double const square = e * e + series.r * e + series.t;
    long double const p = series.degree == 4 ? series.w * e + series.z + series.u * square * square
                                             : series.z + series.w * e + (series.degree == 2 ? series.u * e * e : 0);
    largest = std::max(largest, std::abs(p - 1 / std::sqrt(1 - e)));
  }
  return largest;
}

TEST_CASE("the series of an inverse root keeps its tolerance, and is the shortest that does", "[linalg][polar]") {
  for (double const tolerance : {1.2e-7, 2.2e-16}) {
    int degree_before = 1;
    int seen = 0;
    for (double size = 1e-12; size < 2; size *= 1.05) {
      auto const series = inverse_root_series::for_deviation(size, tolerance);
      INFO("size " << size << ", tolerance " << tolerance << ", degree " << series.degree);
      if (series.degree == 0) {
        degree_before = 5;  // none is found for any larger size
        continue;
      }
      CHECK(series.degree >= degree_before);
      degree_before = series.degree;
      seen |= series.degree;
      // In u (e^2 + r e + t)^2 a digit is lost, and the coefficients themselves are rounded to double.
      CHECK(largest_error(series, size) <= 1.01 * tolerance + 2e-15);
    }
    CHECK(seen == 7);  // degrees 1, 2 and 4
    CHECK(degree_before == 5);
  }
}

TEST_CASE("the economized series reaches further than the first terms alone", "[linalg][polar]") {
  // 63 / 256 e^5, the first term that the first ones of degree 4 leave out, is 1.2e-7 at 0.0546.
  CHECK(inverse_root_series::for_deviation(0.09, 1.2e-7).degree == 4);
  CHECK(inverse_root_series::for_deviation(0.1, 1.2e-7).degree == 0);
}

TEST_CASE("a Halley map raises what is in its range, and nothing above 1", "[linalg][polar]") {
  for (double const lower : {1e-8, 1e-4, 8e-3, 0.1, 0.5, 0.9, 1.0}) {
    auto const map = dfrot::detail::best_halley_map(lower);
    double const least = map(lower);
    CHECK(least >= lower * (1 - 1e-12));
    for (int i = 0; i <= 1000; ++i) {
      double const x = lower * std::pow(1 / lower, i / 1000.0);
      CHECK(map(x) <= 1 + 1e-12);
      CHECK(map(x) >= least * (1 - 1e-9));
    }
  }
}

}  // namespace
