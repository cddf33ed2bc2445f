#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "support/catch.hpp"

namespace dfrot::test {

/// The index of the value nearest to x, ties to the even index: by search, in long double. @param values in rising order
inline int nearest_index(std::vector<double> const& values, double x) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < values.size(); ++k) {
    long double const now = std::fabs(static_cast<long double>(x) - static_cast<long double>(values[k]));
    long double const then = std::fabs(static_cast<long double>(x) - static_cast<long double>(values[best]));
    best = now < then || (now == then && k % 2 == 0) ? k : best;
  }
  return static_cast<int>(best);
}

/// Checks a minifloat against its magnitudes, which a test writes down: what every code stands for, and the codes of points
/// on, just below and just above every tie and value, beyond the ends, and between.
template <class F>
void check_minifloat(std::vector<double> const& magnitudes) {
  REQUIRE(magnitudes.size() == 8);
  double const most = magnitudes.back();
  CHECK(static_cast<double>(F::highest()) == most);
  CHECK(static_cast<double>(F::lowest()) == -most);
  for (int nibble = 0; nibble < 16; ++nibble) {
    double const size = magnitudes[static_cast<std::size_t>(nibble % 8)];
    CAPTURE(nibble);
    CHECK(static_cast<double>(F::value(F::code_of(nibble))) == (nibble < 8 ? size : -size));
    CHECK(static_cast<double>(F::unit) * F::integers[static_cast<std::size_t>(nibble)] == (nibble < 8 ? size : -size));
  }
  std::vector<double> points{0.0, 1e-300, 1e-6, most + 1, 100 * most, 1e300};
  for (std::size_t k = 0; k < 8; ++k) {
    points.push_back(magnitudes[k]);
    if (k < 7) {
      double const middle = (magnitudes[k] + magnitudes[k + 1]) / 2;
      points.insert(points.end(), {middle, std::nextafter(middle, 0.0), std::nextafter(middle, 1e9)});
    }
  }
  for (int step = 0; step <= 4096; ++step) {
    points.push_back(1.3 * most * step / 4096);
  }
  std::size_t wrong = 0;
  for (double const point : points) {
    int const expected = nearest_index(magnitudes, std::fmin(point, most));
    wrong += F::encode(point) != expected;
    wrong += F::encode(-point) != expected + 8;  // -0 as well
  }
  CHECK(wrong == 0);
}

}  // namespace dfrot::test
