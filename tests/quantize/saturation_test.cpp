#include <algorithm>
#include <cmath>
#include <cstdint>
#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <limits>
#include <utility>
#include <vector>

#include "support/catch.hpp"

// A grid of sixteen values may reach beyond the largest number of a type, although all its values lie below: what codes of finite
// values stand for is finite.

using namespace dfrot;

namespace {

template <class T>
long double exact(T const& value) {
  return static_cast<long double>(load(value));
}

/// Rows with numbers up to the largest of T: of both signs, of one sign, and a few small ones between.
template <class T>
matrix<T> rows_at_the_end() {
  using real = arithmetic_t<T>;
  std::vector<std::pair<double, double>> const ends = {{-1, 1},    {0, 1},     {-1, 0},    {-1, 0.9},
                                                       {-0.95, 1}, {-1, 0.06}, {-0.07, 1}, {-0.94, 0.94}};
  matrix<T> x(ends.size(), 75);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < x.columns(); ++j) {
      double const share = static_cast<double>(j) / 74;
      double const value = ends[i].first + share * (ends[i].second - ends[i].first);
      x(i, j) = store<T>(static_cast<real>(value) * largest_finite<T>);
    }
    x(i, 0) = store<T>(static_cast<real>(ends[i].first) * largest_finite<T>);
    x(i, 74) = store<T>(static_cast<real>(ends[i].second) * largest_finite<T>);
  }
  return x;
}

/// What a code stands for, from scale and steps, in more digits than any type has.
template <class T>
T value_of(arithmetic_t<T> scale, int steps) {
  long double const most = static_cast<long double>(largest_finite<T>);
  long double const value = static_cast<long double>(scale) * steps;
  return store<T>(static_cast<arithmetic_t<T>>(std::clamp(value, -most, most)));
}

template <class T>
bool same_value(T const& a, T const& b) {
  return exact(a) == exact(b);
}

template <class T, class Policy>
void check(Policy const& on, int4_scheme const& scheme) {
  using real = arithmetic_t<T>;
  auto const x = rows_at_the_end<T>();
  std::size_t const n = x.columns();
  std::size_t const groups = group_count(scheme, n);
  matrix<std::int8_t> codes(x.rows(), n);
  matrix<std::int8_t> zeros(x.rows(), groups);
  matrix<std::uint8_t> packed(x.rows(), packed_columns(n));
  matrix<real> scales(x.rows(), groups);
  matrix<T> rounded(x.rows(), n);
  matrix<T> decoded(x.rows(), n);
  matrix<T> unpacked(x.rows(), n);
  std::vector<token_error> errors(x.rows());

  fake_quantize(on, scheme, x.view(), rounded.view());
  quantized_rows<std::int8_t, real> const bytes{codes.view(), scales.view(), zeros.view()};
  quantize(on, scheme, x.view(), bytes);
  dequantize(on, scheme, bytes, decoded.view());
  quantized_rows<std::uint8_t, real> const nibbles{packed.view(), scales.view(), zeros.view()};
  quantize(on, scheme, x.view(), nibbles);
  dequantize(on, scheme, nibbles, unpacked.view());
  token_errors(on, scheme, x.view(), vector_view<token_error>(errors.data(), errors.size()));

  std::size_t wrong = 0;
  std::size_t far = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      std::size_t const group = j / group_size(scheme, n);
      T const expected = value_of<T>(scales(i, group), codes(i, j) - (scheme.symmetric ? 0 : zeros(i, group)));
      wrong += is_finite(expected) ? 0 : 1;
      wrong += same_value(rounded(i, j), expected) ? 0 : 1;
      wrong += same_value(decoded(i, j), expected) ? 0 : 1;
      wrong += same_value(unpacked(i, j), expected) ? 0 : 1;
      // Half a step, the rounding of the scale, and that of T.
      long double const step = static_cast<long double>(scales(i, group));
      long double const bound = step * 0.50001L + std::fabs(exact(x(i, j))) / 128;
      far += std::fabs(exact(expected) - exact(x(i, j))) <= bound ? 0 : 1;
    }
    if constexpr (sizeof(real) == sizeof(float)) {  // the square of the largest double is no double
      wrong += is_finite(errors[i].squared_error) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
  if (scheme.clip == 1.0F && scheme.scale == scale_rule::max) {
    CHECK(far == 0);
  }
}

template <class T, class U, class Policy>
void check_narrowing(Policy const& on) {
  matrix<T> x(1, 40);
  matrix<U> out(1, 40);
  for (std::size_t j = 0; j < 40; ++j) {
    x(0, j) = static_cast<T>(j % 2 == 0 ? 1 : -1) * (largest_finite<T> / static_cast<T>(1 + j % 3));
  }
  for (bool const symmetric : {true, false}) {
    fake_quantize(on, int4_scheme{.symmetric = symmetric}, x.view(), out.view());
    for (std::size_t j = 0; j < 40; ++j) {
      CAPTURE(symmetric, j);
      CHECK(exact(out(0, j)) == (j % 2 == 0 ? 1 : -1) * static_cast<long double>(largest_finite<U>));
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("codes of finite values stand for finite values, up to the end of every type", "", half, bfloat16,
                   float, double) {
  for (bool const symmetric : {true, false}) {
    for (std::size_t const group : {std::size_t{0}, std::size_t{37}}) {
      for (float const clip : {1.0F, 0.9F, 0.5F}) {
        CAPTURE(symmetric, group, clip);
        int4_scheme const scheme{symmetric, group, clip, scale_rule::max};
        check<TestType>(reference::policy{}, scheme);
        check<TestType>(cpu::policy{}, scheme);
      }
    }
    int4_scheme const searched{symmetric, 0, 1.0F, scale_rule::search};
    check<TestType>(reference::policy{}, searched);
    check<TestType>(cpu::policy{}, searched);
  }
}

TEST_CASE("values are rounded to the end of a narrower type, not beyond") {
  check_narrowing<float, half>(reference::policy{});
  check_narrowing<float, half>(cpu::policy{});
  check_narrowing<double, float>(reference::policy{});
  check_narrowing<double, float>(cpu::policy{});
}

TEST_CASE("transforms write as IEEE 754 rounds: a value too large for half is infinite") {
  STATIC_REQUIRE(!is_finite(store<half>(65520.0F)));
  STATIC_REQUIRE(load(store_saturated<half>(65520.0F)) == 65504.0F);
  STATIC_REQUIRE(load(store_saturated<half>(-1e30F)) == -65504.0F);
  STATIC_REQUIRE(load(store_saturated<bfloat16>(std::numeric_limits<float>::max())) == 0x1.fep127F);
  STATIC_REQUIRE(!is_finite(store_saturated<half>(std::numeric_limits<float>::infinity())));
  STATIC_REQUIRE(is_nan(store_saturated<half>(std::numeric_limits<float>::quiet_NaN())));
  STATIC_REQUIRE(store_saturated<double>(std::numeric_limits<float>::max()) ==
                 static_cast<double>(std::numeric_limits<float>::max()));
}
