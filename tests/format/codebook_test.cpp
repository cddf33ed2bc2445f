#include <array>
#include <cmath>
#include <dfrot/format/codebook16.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/format/normal_float4.hpp>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "format/nearest_code.hpp"
#include "support/catch.hpp"

using namespace dfrot;

static_assert(threshold_element<codebook16> && threshold_element<normal_float4>);
static_assert(!integer_element<codebook16> && std::is_trivially_copyable_v<normal_float4>);

namespace {

/// The normal quantile, by bisection.
double normal_quantile(double p) {
  double low = -10;
  double high = 10;
  for (int step = 0; step < 200; ++step) {
    double const middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

}  // namespace

TEST_CASE("a codebook takes the nearest value, ties to the even code") {
  // Midpoints of these are floats, so that ties can be hit.
  std::array<float, 16> const values{-9, -6.5F, -4, -3, -2, -1.5F, -1, -0.25F, 0, 0.5F, 1, 2, 3.5F, 4, 6, 8};
  codebook16 const book(values);
  std::vector<double> const wide(values.begin(), values.end());
  CHECK(book.lowest() == -9);
  CHECK(book.highest() == 8);
  std::size_t wrong = 0;
  for (int step = -12 * 512; step <= 12 * 512; ++step) {
    double const point = step / 512.0;  // ties among them
    wrong += book.encode(point) != test::nearest_index(wide, point);
  }
  CHECK(wrong == 0);
  for (int code = 0; code < 16; ++code) {
    CHECK(book.encode(static_cast<double>(book.value(code))) == code);
  }
  CHECK(book.encode(-1e300) == 0);
  CHECK(book.encode(1e300) == 15);
}

TEST_CASE("a codebook may hold a value twice, and codes still stand for the nearest one") {
  codebook16 const book({-2, -2, -2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2});
  for (int step = -300; step <= 300; ++step) {
    double const point = step / 97.0;
    double const found = static_cast<double>(book.value(book.encode(point)));
    double best = 10;
    for (int value = -2; value <= 2; ++value) {
      best = std::fmin(best, std::fabs(point - value));
    }
    CAPTURE(point, found);
    CHECK(std::fabs(point - found) == best);
  }
}

TEST_CASE("a table that is no codebook is refused, and its value named") {
  std::array<float, 16> values{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
  auto const refusal = [&values](std::size_t k, float value, char const* words) {
    auto table = values;
    table[k] = value;
    CHECK_THROWS_WITH(codebook16(table), test::contains_text(words));
  };
  refusal(3, 1, "value 4 is -4, less than the one before it");
  refusal(5, std::numeric_limits<float>::quiet_NaN(), "value 5 is nan");
  refusal(15, std::numeric_limits<float>::infinity(), "value 15 is inf");
  CHECK_THROWS_WITH(codebook16(std::array<float, 16>{}), test::contains_text("the last value is 0"));
}

TEST_CASE("NF4's values follow from the normal distribution") {
  normal_float4 const nf4;
  double const first = 1 - (1.0 / 30 + 1.0 / 32) / 2;
  double const most = normal_quantile(first);
  for (int k = 0; k <= 8; ++k) {
    double const p = first + (0.5 - first) * k / 8;
    CAPTURE(k);
    CHECK(std::fabs(static_cast<double>(nf4.value(15 - k)) - normal_quantile(p) / most) < 2e-6);
  }
  for (int k = 0; k <= 7; ++k) {
    double const p = first + (0.5 - first) * k / 7;
    CHECK(std::fabs(static_cast<double>(nf4.value(k)) + normal_quantile(p) / most) < 2e-6);
  }
  CHECK(nf4.value(7) == 0);
}
