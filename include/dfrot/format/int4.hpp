#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>

namespace dfrot {

// Two 4-bit codes share a byte: the even column in the low nibble, the odd one in the high nibble.
// Signed codes are two's complement in [-8, 7], unsigned ones lie in [0, 15]; the byte does not tell which.

/// Bytes that a row of `columns` codes takes when packed; the last high nibble of an odd row is 0.
[[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t packed_columns(std::size_t columns) {
  return columns / 2 + columns % 2;
}

/// Puts two codes into a byte: byte = (even & 15) | (odd & 15) << 4.
/// @pre both in [-8, 7] or both in [0, 15]; only the low four bits are used   Complexity: O(1).
[[nodiscard]] DFROT_HOST_DEVICE constexpr std::uint8_t pack_int4(int even, int odd) {
  return static_cast<std::uint8_t>((static_cast<unsigned>(even) & 15u) | ((static_cast<unsigned>(odd) & 15u) << 4u));
}

/// The unsigned code, 0 … 15, in the low (position 0) or high (position 1) nibble of a byte.
[[nodiscard]] DFROT_HOST_DEVICE constexpr int unpack_uint4(std::uint8_t byte, unsigned position) {
  return static_cast<int>((static_cast<unsigned>(byte) >> (4u * position)) & 15u);
}

/// The signed code, -8 … 7, in the low (position 0) or high (position 1) nibble of a byte.
/// Flipping bit 3 and subtracting 8 extends the sign without a branch.
[[nodiscard]] DFROT_HOST_DEVICE constexpr int unpack_int4(std::uint8_t byte, unsigned position) {
  return (unpack_uint4(byte, position) ^ 8) - 8;
}

}  // namespace dfrot
