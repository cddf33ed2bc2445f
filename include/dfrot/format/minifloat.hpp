#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot {

namespace detail {

/// What code 0 … 7 of a minifloat stands for, in units: subnormal for an exponent of 0, otherwise with a hidden bit.
template <int MantissaBits>
[[nodiscard]] DFROT_HOST_DEVICE constexpr int minifloat_integer(int code) {
  int const exponent = code >> MantissaBits;
  int const mantissa = code & ((1 << MantissaBits) - 1);
  return exponent == 0 ? mantissa : ((1 << MantissaBits) + mantissa) << (exponent - 1);
}

}  // namespace detail

/// Floating-point numbers of four bits: a sign (bit 3), an exponent, a mantissa; neither infinity nor NaN.
///   value = +- unit integer,   integer = m if e = 0, (2^M + m) 2^(e - 1) otherwise,   unit = 2^(1 - bias - M)
/// encode() rounds to nearest, ties to the even code, and saturates at the ends. It keeps the sign bit, as conversions of
/// IEEE 754 do: what is negative and rounds to 0 gets code 8, -0. So other converters write the same bytes. Codes 0 and 8 both
/// stand for 0. Empty.   Source: OCP Microscaling Formats (MX) v1.0.
template <int ExponentBits, int MantissaBits, int Bias>
struct minifloat {
  static_assert(1 + ExponentBits + MantissaBits == 4 && ExponentBits >= 1 && MantissaBits >= 0);
  static_assert(Bias >= 1 && Bias + MantissaBits <= 31, "unit is 1 at most");

  /// Codes 0 … 7 stand for rising values from 0, codes 8 … 15 for the same, negative (see threshold_element).
  static constexpr bool sign_in_bit_3 = true;

  static constexpr float unit = 1.0F / static_cast<float>(1U << static_cast<unsigned>(Bias + MantissaBits - 1));
  static constexpr std::array<std::int8_t, 16> integers = [] {
    std::array<std::int8_t, 16> all{};
    for (int code = 0; code < 8; ++code) {
      int const integer = detail::minifloat_integer<MantissaBits>(code);
      all[static_cast<std::size_t>(code)] = static_cast<std::int8_t>(integer);
      all[static_cast<std::size_t>(code + 8)] = static_cast<std::int8_t>(-integer);
    }
    return all;
  }();

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float lowest() { return -highest(); }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float highest() { return value(7); }

  /// Half way from code k to code k + 1, k = 0 … 6: exact.
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float threshold(int k) { return (value(k) + value(k + 1)) / 2; }

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int encode(double ratio) {
    DFROT_EXACT_MATH
    bool const negative = detail::bit_cast<std::uint64_t>(ratio) >> 63U != 0;
    double const size = negative ? -ratio : ratio;
    int code = negative ? 8 : 0;
    for (int k = 0; k < 7; ++k) {
      auto const middle = static_cast<double>(threshold(k));
      code += (k % 2 == 0 ? size > middle : size >= middle) ? 1 : 0;
    }
    return code;
  }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float value(int code) {
    float const size = unit * static_cast<float>(detail::minifloat_integer<MantissaBits>(code & 7));
    return code > 8 ? -size : size;
  }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int code_of(int nibble) { return nibble; }
};

}  // namespace dfrot
