#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/random.hpp>
#include <limits>
#include <type_traits>

#include "support/catch.hpp"

namespace {

using dfrot::bfloat16;
using dfrot::half;

static_assert(sizeof(half) == 2 && std::is_trivially_copyable_v<half>);
static_assert(sizeof(bfloat16) == 2 && std::is_trivially_copyable_v<bfloat16>);
static_assert(half(1.0f).bits == 0x3c00 && bfloat16(1.0f).bits == 0x3f80);
static_assert(std::is_same_v<dfrot::arithmetic_t<half>, float> && std::is_same_v<dfrot::arithmetic_t<double>, double>);
static_assert(dfrot::storage<bfloat16 const> && !dfrot::storage<int>);

/// What a binary format is: significand bits after the point, and the exponents of its normal numbers.
struct format {
  int fraction_bits;
  int lowest_exponent;
  int highest_exponent;
};
constexpr format half_format{10, -14, 15};
constexpr format bfloat16_format{7, -126, 127};

/// Rounds in double arithmetic to the nearest number of a format, ties to even (the default rounding of nearbyint).
double rounded(double value, format const& f) {
  if (value == 0 || !std::isfinite(value)) {
    return value;
  }
  int const exponent = std::max(std::ilogb(value), f.lowest_exponent);
  double const unit = std::ldexp(1.0, exponent - f.fraction_bits);
  double const result = std::nearbyint(value / unit) * unit;
  double const bound = std::ldexp(1.0, f.highest_exponent + 1);
  return std::abs(result) >= bound ? std::copysign(std::numeric_limits<double>::infinity(), value) : result;
}

/// The value that the bits of a format stand for; a NaN for NaNs.
double decoded(std::uint32_t bits, format const& f) {
  std::uint32_t const exponent_ones = (1u << (15u - static_cast<unsigned>(f.fraction_bits))) - 1u;
  std::uint32_t const exponent = (bits & 0x7fffu) >> f.fraction_bits;
  std::uint32_t const fraction = bits & ((1u << f.fraction_bits) - 1u);
  double const sign = (bits & 0x8000u) != 0 ? -1.0 : 1.0;
  if (exponent == exponent_ones) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  }
  int const lead = exponent == 0 ? 0 : 1;
  int const scale = std::max(static_cast<int>(exponent), 1) - 1 + f.lowest_exponent - f.fraction_bits;
  return sign * std::ldexp(static_cast<double>(fraction) + lead * std::ldexp(1.0, f.fraction_bits), scale);
}

template <class T>
bool rounds_like_reference(float value, format const& f) {
  auto const result = static_cast<double>(static_cast<float>(T(value)));
  if (std::isnan(value)) {
    return std::isnan(result) && std::signbit(result) == std::signbit(value);
  }
  double const expected = rounded(static_cast<double>(value), f);
  return result == expected && std::signbit(result) == std::signbit(value);
}

template <class T>
void check_all_bits(format const& f) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    T stored;
    stored.bits = static_cast<std::uint16_t>(bits);
    double const expected = decoded(bits, f);
    auto const value = static_cast<float>(stored);
    CAPTURE(bits);
    if (std::isnan(expected)) {
      REQUIRE(std::isnan(value));
      REQUIRE(std::isnan(static_cast<float>(T(value))));
    } else {
      REQUIRE(static_cast<double>(value) == expected);
      REQUIRE(std::signbit(value) == ((bits & 0x8000u) != 0));
      REQUIRE(T(value).bits == bits);
    }
  }
}

/// Between every two neighbours: the middle, where the tie goes to even, and the floats next to it.
template <class T>
void check_all_ties(format const& f) {
  for (std::uint32_t bits = 0; bits < 0x7fffu; ++bits) {
    double const low = decoded(bits, f);
    if (!std::isfinite(low)) {
      break;
    }
    double const unit =
        std::ldexp(1.0, std::max(low == 0 ? -10000 : std::ilogb(low), f.lowest_exponent) - f.fraction_bits);
    auto const middle = static_cast<float>(low + unit / 2);
    REQUIRE(static_cast<double>(middle) == low + unit / 2);
    std::uint32_t const even = bits + (bits & 1u);
    CAPTURE(bits);
    REQUIRE(T(middle).bits == even);
    REQUIRE(T(-middle).bits == (even | 0x8000u));
    REQUIRE(T(std::nextafter(middle, 0.0f)).bits == bits);
    REQUIRE(T(std::nextafter(middle, std::numeric_limits<float>::infinity())).bits == bits + 1);
    REQUIRE(rounds_like_reference<T>(middle, f));
  }
}

template <class T>
void check_random_floats(format const& f) {
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    auto const block = dfrot::random_block(1, dfrot::random_stream::user, i);
    for (std::uint32_t const word : block.word) {
      CAPTURE(word);
      REQUIRE(rounds_like_reference<T>(std::bit_cast<float>(word), f));
      // Exponents of half span a tenth of float's: the same fraction once more within that range.
      REQUIRE(rounds_like_reference<T>(std::ldexp(std::bit_cast<float>((word & 0x807fffffu) | 0x3f800000u),
                                                  static_cast<int>(word >> 23u & 63u) - 30),
                                       f));
    }
  }
}

TEST_CASE("Every half decodes to its value and back", "[core][numeric]") { check_all_bits<half>(half_format); }
TEST_CASE("Every bfloat16 decodes to its value and back", "[core][numeric]") {
  check_all_bits<bfloat16>(bfloat16_format);
}
TEST_CASE("half rounds every tie to even", "[core][numeric]") { check_all_ties<half>(half_format); }
TEST_CASE("bfloat16 rounds every tie to even", "[core][numeric]") { check_all_ties<bfloat16>(bfloat16_format); }
TEST_CASE("half rounds like double arithmetic", "[core][numeric]") { check_random_floats<half>(half_format); }
TEST_CASE("bfloat16 rounds like double arithmetic", "[core][numeric]") {
  check_random_floats<bfloat16>(bfloat16_format);
}

TEST_CASE("Overflow, infinities and the smallest numbers of half", "[core][numeric]") {
  CHECK(half(65504.0f).bits == 0x7bff);
  CHECK(half(std::nextafter(65520.0f, 0.0f)).bits == 0x7bff);
  CHECK(half(65520.0f).bits == 0x7c00);  // the tie above the largest number goes to infinity
  CHECK(half(1e30f).bits == 0x7c00);
  CHECK(half(-std::numeric_limits<float>::infinity()).bits == 0xfc00);
  CHECK(half(0x1p-24f).bits == 1);
  CHECK(half(0x1p-25f).bits == 0);  // the tie between 0 and the smallest subnormal
  CHECK(half(std::nextafter(0x1p-25f, 1.0f)).bits == 1);
  CHECK(half(-0.0f).bits == 0x8000);
  CHECK(half(std::numeric_limits<float>::denorm_min()).bits == 0);
}

TEST_CASE("Overflow, infinities and the smallest numbers of bfloat16", "[core][numeric]") {
  CHECK(bfloat16(std::numeric_limits<float>::max()).bits == 0x7f80);
  CHECK(bfloat16(0x1.fep127f).bits == 0x7f7f);
  CHECK(bfloat16(-std::numeric_limits<float>::infinity()).bits == 0xff80);
  CHECK(bfloat16(std::numeric_limits<float>::denorm_min()).bits == 0);
  CHECK(bfloat16(-0.0f).bits == 0x8000);
}

TEST_CASE("A NaN stays a quiet NaN, even if its payload stands in the low bits only", "[core][numeric]") {
  auto const low_payload = std::bit_cast<float>(0x7f800001u);
  CHECK(half(low_payload).bits == 0x7e00);
  CHECK(bfloat16(low_payload).bits == 0x7fc0);
  CHECK(std::isnan(static_cast<float>(half(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("load and store pass through the arithmetic type", "[core][numeric]") {
  CHECK(dfrot::load(half(0.5f)) == 0.5f);
  CHECK(dfrot::load(0.1) == 0.1);
  CHECK(dfrot::store<half>(1.0f + 0x1p-11f).bits == 0x3c00);
  CHECK(dfrot::store<double>(0.1) == 0.1);
}

}  // namespace
