#pragma once

#include <array>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot {

/// Signed 4-bit integers, -8 … 7: codes in two's complement.
struct s4 {
  static constexpr float unit = 1;
  static constexpr std::array<std::int8_t, 16> integers = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float lowest() { return -8; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float highest() { return 7; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int encode(double ratio) {
    DFROT_EXACT_MATH
    return static_cast<int>(detail::round_half_even(ratio < -8 ? -8 : (ratio > 7 ? 7 : ratio)));
  }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float value(int code) { return static_cast<float>(code); }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int code_of(int nibble) { return (nibble ^ 8) - 8; }
};

/// Unsigned 4-bit integers, 0 … 15, of which a zero point stands for 0: for values that lie unevenly about it.
struct u4 {
  static constexpr bool has_zero_point = true;

  static constexpr float unit = 1;
  static constexpr std::array<std::int8_t, 16> integers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float lowest() { return 0; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float highest() { return 15; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int encode(double ratio) {
    DFROT_EXACT_MATH
    return static_cast<int>(detail::round_half_even(ratio < 0 ? 0 : (ratio > 15 ? 15 : ratio)));
  }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr float value(int code) { return static_cast<float>(code); }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int code_of(int nibble) { return nibble; }
};

}  // namespace dfrot
