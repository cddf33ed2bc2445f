#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot::cuda {

// Products take 4-bit codes by words of eight: code 0 in the lowest nibble, as pack() writes them. A word becomes two
// words of bytes, of its even and of its odd codes, without moving a code: the order of terms of an exact sum is free.

inline constexpr unsigned codes_of_word = 8;

/// The bytes of eight codes.
struct alignas(8) code_bytes {
  unsigned even;
  unsigned odd;
};

/// 16 w for signed codes w: in the high half of its byte, a code needs no sign extension.
[[nodiscard]] DFROT_HOST_DEVICE constexpr code_bytes weight_bytes(unsigned word) {
  return {(word << 4u) & 0xf0f0f0f0u, word & 0xf0f0f0f0u};
}

/// How nibbles become signed bytes:   byte = (nibble ^ flip) + bias - 128.
struct byte_offset {
  unsigned flip;  ///< of four bytes
  unsigned bias;
};

/// Signed codes: flipping bit 3 adds 8 to a nibble.
inline constexpr byte_offset signed_codes{0x08080808u, 0x78787878u};

/// code - zero for unsigned codes. @pre 0 <= zero <= 15
[[nodiscard]] DFROT_HOST_DEVICE constexpr byte_offset unsigned_codes(int zero) {
  return {0, (128u - static_cast<unsigned>(zero)) * 0x01010101u};
}

/// The codes of a word less their zero point, -15 … 15. No byte carries into the next: they are 15 + 128 at most.
[[nodiscard]] DFROT_HOST_DEVICE constexpr code_bytes activation_bytes(unsigned word, byte_offset offset) {
  unsigned const even = word & 0x0f0f0f0fu;
  unsigned const odd = (word >> 4u) & 0x0f0f0f0fu;
  return {((even ^ offset.flip) + offset.bias) ^ 0x80808080u, ((odd ^ offset.flip) + offset.bias) ^ 0x80808080u};
}

/// Word `index` of a packed row of k codes, at any address; codes from number k on are 0, whatever the row's last
/// nibble is.
/// @param in_words the row starts at a multiple of 4 bytes
[[nodiscard]] DFROT_HOST_DEVICE inline unsigned read_word(std::uint8_t const* row, std::size_t index, std::size_t k,
                                                          bool in_words) {
  std::size_t const first = index * codes_of_word;
  if (in_words && first + codes_of_word <= k) {
    return *reinterpret_cast<unsigned const*>(row + first / 2);
  }
  unsigned word = 0;
  for (unsigned i = 0; i < 4 && first + 2 * i < k; ++i) {
    unsigned const byte = row[first / 2 + i];
    word |= (first + 2 * i + 1 < k ? byte : byte & 15u) << (8 * i);
  }
  return word;
}

/// True if all rows start at a multiple of 4 bytes.
[[nodiscard]] DFROT_HOST_DEVICE inline bool rows_in_words(std::uint8_t const* data, std::size_t row_stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 4 == 0 && row_stride % 4 == 0;
}

}  // namespace dfrot::cuda
