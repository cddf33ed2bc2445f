#include <algorithm>
#include <cmath>
#include <cstdint>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/format/e4m3.hpp>
#include <dfrot/format/e8m0.hpp>
#include <dfrot/format/rounded_scale.hpp>
#include <dfrot/format/scale_storage.hpp>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "format/nearest_code.hpp"
#include "support/catch.hpp"

using namespace dfrot;

static_assert(scale_storage<e8m0_scale<>> && scale_storage<e4m3_scale> && scale_storage<real_scale>);
static_assert(scale_storage<float16_scale> && scale_storage<bfloat16_scale>);
static_assert(sizeof(e8m0) == 1 && sizeof(e4m3) == 1 && std::is_trivially_copyable_v<e4m3>);
static_assert(static_cast<float>(e4m3(448.0F)) == 448 && static_cast<float>(e8m0{130}) == 8);

namespace {

/// What E4M3 codes 0 … 126 stand for, by the format's definition.
std::vector<double> e4m3_values() {
  std::vector<double> values;
  for (int code = 0; code < 127; ++code) {
    int const exponent = code / 8;
    values.push_back(exponent == 0 ? std::ldexp(code % 8, -9) : std::ldexp(8 + code % 8, exponent - 10));
  }
  return values;
}

/// The scale's exponent for a range under a rule, from std::frexp().
int expected_exponent(e8m0_rule rule, double range, double target) {
  int exponent = 0;
  int end_exponent = 0;
  double const fraction = 2 * std::frexp(range, &exponent);
  double const end = 2 * std::frexp(target, &end_exponent);
  int result = exponent - end_exponent;
  if (rule == e8m0_rule::round) {
    result += fraction >= (end + 2) / 2;
  } else if (rule == e8m0_rule::ceil) {
    result += fraction > end;
  }
  return std::clamp(result, -127, 127);
}

template <e8m0_rule Rule>
void check_rule(double range, double target) {
  CAPTURE(range, target);
  CHECK(e8m0_scale<Rule>{}.template store<double>(range, target, 0).exponent() ==
        expected_exponent(Rule, range, target));
  CHECK(e8m0_scale<Rule>{}.store(static_cast<float>(range), static_cast<float>(target), 0).exponent() ==
        expected_exponent(Rule, static_cast<double>(static_cast<float>(range)),
                          static_cast<double>(static_cast<float>(target))));
}

/// The value of a number of 16 bits without its sign, by its definition: `fraction` bits below the exponent, whose bias is `bias`.
double value_of_bits(int bits, int fraction, int bias) {
  int const exponent = bits >> fraction;
  int const rest = bits % (1 << fraction);
  return exponent == 0 ? std::ldexp(rest, 1 - bias - fraction)
                       : std::ldexp((1 << fraction) + rest, exponent - bias - fraction);
}

/// Scales that are wanted: all sizes, ties between neighbours, what is too small and too large, both signs.
template <class Storage>
void check_rounded(int fraction, int bias, int first, int last) {
  using Number = typename Storage::template stored_type<float>;
  Storage const storage;
  std::size_t wrong = 0;
  auto const check = [&](float wanted, int expected) {
    for (float const sign : {1.0F, -1.0F}) {
      Number const stored = storage.store(sign * wanted, 1.0F, 0);
      wrong += stored.bits != expected + (sign < 0 ? 0x8000 : 0);
      float const scale = storage.template load<float>(stored);
      wrong += static_cast<double>(scale) != static_cast<double>(sign) * value_of_bits(expected, fraction, bias);
      wrong += !std::isfinite(1 / scale);
    }
  };
  for (int bits = first; bits <= last; bits += bits < first + 3000 ? 1 : 7) {
    double const value = value_of_bits(bits, fraction, bias);
    check(static_cast<float>(value), bits);
    if (bits < last) {
      auto const middle = static_cast<float>((value + value_of_bits(bits + 1, fraction, bias)) / 2);
      check(middle, bits % 2 == 0 ? bits : bits + 1);
      check(std::nextafterf(middle, 0), bits);
      check(std::nextafterf(middle, std::numeric_limits<float>::infinity()), bits + 1);
    }
  }
  for (float const tiny : {1e-45F, 1e-39F, static_cast<float>(value_of_bits(first, fraction, bias)) / 3}) {
    check(tiny, first);
  }
  for (float const large : {3.4e38F, std::numeric_limits<float>::max()}) {
    check(large, last);
  }
  CHECK(wrong == 0);
  CHECK(storage.template load<float>(storage.store(0.0F, 7.0F, 0)) == 1);
  CHECK(storage.template load<double>(storage.store(3.0, -8.0, 0)) == -0.375);
}

}  // namespace

TEST_CASE("scales of 16 bits are the nearest, ties to even, with their sign, never 0, and saturate") {
  check_rounded<float16_scale>(10, 15, 1, 0x7bff);
  check_rounded<bfloat16_scale>(7, 127, 0x80, 0x7f7f);
}

TEST_CASE("E8M0 codes are powers of two, and 255 is NaN") {
  for (int code = 0; code < 255; ++code) {
    e8m0 const number{static_cast<std::uint8_t>(code)};
    CHECK(static_cast<double>(static_cast<float>(number)) == std::ldexp(1.0, code - 127));
    CHECK(e8m0::from_exponent(number.exponent()) == number);
  }
  CHECK(std::isnan(static_cast<float>(e8m0{255})));
  CHECK(e8m0::from_exponent(128).exponent() == 127);
  CHECK(e8m0::from_exponent(-200).exponent() == -127);
}

TEST_CASE("E8M0 scales follow their rule for every range") {
  std::vector<double> ranges{1e-45, 1.2e-38, 1.17549435e-38, 5.9e-39, 1, 3.4e38};
  for (double const fraction : {1.0, 1.25, 1.4999999, 1.5, 1.5000002, 1.7499999, 1.75, 1.8749999, 1.875, 1.9999999}) {
    for (int const exponent : {-149, -130, -127, -126, -20, 0, 1, 5, 127}) {
      if (exponent > -149 || fraction == 1) {
        ranges.push_back(std::ldexp(fraction, exponent));
      }
    }
  }
  for (double const range : ranges) {
    for (double const target : {6.0, 4.0, 1.75, 16.0, 7.0, 1.0}) {
      check_rule<e8m0_rule::floor>(range, target);
      check_rule<e8m0_rule::round>(range, target);
      check_rule<e8m0_rule::ceil>(range, target);
    }
  }
  // For E2M1, by hand: 6.9 stays, 7 moves up, and only what exceeds 6 does under ceil.
  CHECK(e8m0_scale<e8m0_rule::floor>{}.store(7.9F, 6.0F, 0).exponent() == 0);
  CHECK(e8m0_scale<e8m0_rule::round>{}.store(6.9F, 6.0F, 0).exponent() == 0);
  CHECK(e8m0_scale<e8m0_rule::round>{}.store(7.0F, 6.0F, 0).exponent() == 1);
  CHECK(e8m0_scale<e8m0_rule::ceil>{}.store(6.0F, 6.0F, 0).exponent() == 0);
  CHECK(e8m0_scale<e8m0_rule::ceil>{}.store(6.1F, 6.0F, 0).exponent() == 1);
  // A range of 0 has the least scale; the best rule tries three.
  CHECK(e8m0_scale<>{}.store(0.0F, 6.0F, 0).exponent() == -127);
  e8m0_scale<e8m0_rule::best> const best;
  CHECK(best.choices == 3);
  CHECK(best.store(5.0F, 6.0F, 0).exponent() == 0);
  CHECK(best.store(5.0F, 6.0F, 1).exponent() == 1);
  CHECK(best.store(5.0F, 6.0F, 2).exponent() == -1);
}

TEST_CASE("E4M3 is the nearest of its values, ties to even, and saturates") {
  auto const values = e4m3_values();
  REQUIRE(values.back() == 448);
  std::size_t wrong = 0;
  for (int code = 0; code < 127; ++code) {
    e4m3 number;
    number.bits = static_cast<std::uint8_t>(code);
    double const value = values[static_cast<std::size_t>(code)];
    wrong += static_cast<double>(static_cast<float>(number)) != value;
    std::vector<float> points{static_cast<float>(value)};
    if (code < 126) {
      auto const middle = static_cast<float>((value + values[static_cast<std::size_t>(code + 1)]) / 2);
      points.insert(points.end(), {middle, std::nextafterf(middle, 0), std::nextafterf(middle, 1e9F)});
    }
    for (float const point : points) {
      int const expected = test::nearest_index(values, static_cast<double>(point));
      wrong += e4m3(point).bits != expected;
      wrong += e4m3(-point).bits != expected + 128;
    }
  }
  for (std::uint64_t i = 0; i < 500; ++i) {
    for (double const normal : gaussian_block(3, random_stream::user, i).value) {
      auto const point = static_cast<float>(std::exp(3 * normal));
      wrong += e4m3(point).bits != test::nearest_index(values, std::min(static_cast<double>(point), 448.0));
    }
  }
  CHECK(wrong == 0);
  for (float const beyond : {449.0F, 464.0F, 1e30F, std::numeric_limits<float>::infinity()}) {
    CHECK(static_cast<float>(e4m3(beyond)) == 448);
    CHECK(static_cast<float>(e4m3(-beyond)) == -448);
  }
  CHECK(std::isnan(static_cast<float>(e4m3(std::numeric_limits<float>::quiet_NaN()))));
  CHECK(e4m3(1e-40F).bits == 0);
}

TEST_CASE("E4M3 scales are never 0, saturate, and have a finite reciprocal for any tensor") {
  for (float const absmax : {0.0F, 1e-44F, 1e-31F, 1e-30F, 1e-6F, 1.0F, 65504.0F, 3.4e38F}) {
    auto const storage = e4m3_scale::for_tensor(absmax);
    CAPTURE(absmax, storage.multiplier);
    CHECK_NOTHROW(storage.check());
    CHECK(static_cast<float>(storage.store(absmax, 6.0F, 0)) == (absmax < 0x1p-100F ? e4m3::smallest : 448));
    for (float const part : {0.0F, 1e-7F, 1e-3F, 0.5F, 1.0F, 20.0F}) {
      float const range = std::min(part * absmax, 3.4e38F);
      e4m3 const stored = storage.store(range, 6.0F, 0);
      float const scale = storage.load<float>(stored);
      CHECK(stored.bits > 0);
      CHECK(stored.bits < 127);
      CHECK(scale >= std::numeric_limits<float>::min());
      CHECK(std::isfinite(scale));
      CHECK(1 / scale >= std::numeric_limits<float>::min());
    }
  }
  for (float const bad : {0.0F, -1.0F, 1e36F, 1e-36F, std::numeric_limits<float>::quiet_NaN()}) {
    CHECK_THROWS_WITH(e4m3_scale{bad}.check(), test::contains_text("e4m3_scale: the multiplier is"));
  }
}
