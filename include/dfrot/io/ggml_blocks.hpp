#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/io/ggml_type.hpp>

namespace dfrot {

namespace detail {

/// A half of a block, as a float.
[[nodiscard]] inline float ggml_half(std::uint8_t const* at) {
  return half_to_float(static_cast<std::uint16_t>(at[0] | (at[1] << 8)));
}

/// 4-bit codes of a block of 32: value j is the low nibble of byte j, value j + 16 the high one.
template <class Out, class Value>
void decode_ggml_nibbles(std::uint8_t const* nibbles, Out* to, Value const& value) {
  for (std::size_t j = 0; j < 16; ++j) {
    to[j] = value(nibbles[j] & 15, j);
    to[j + 16] = value(nibbles[j] >> 4, j + 16);
  }
}

// In all blocks, products of a scale and a code are exact in float, so that a value is rounded once at most, with fused
// multiply-adds or without.

inline void decode_q4_0(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  float const scale = ggml_half(block);
  decode_ggml_nibbles(block + 2, to, [&](int code, std::size_t) { return scale * static_cast<float>(code - 8); });
}

inline void decode_q4_1(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  float const scale = ggml_half(block);
  float const least = ggml_half(block + 2);
  decode_ggml_nibbles(block + 4, to, [&](int code, std::size_t) { return scale * static_cast<float>(code) + least; });
}

/// The fifth bits of 32 codes stand together, that of value j in bit j.
[[nodiscard]] inline std::uint32_t ggml_fifth_bits(std::uint8_t const* at) {
  std::uint32_t bits = 0;
  for (unsigned i = 0; i < 4; ++i) {
    bits |= static_cast<std::uint32_t>(at[i]) << (8 * i);
  }
  return bits;
}

inline void decode_q5_0(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  float const scale = ggml_half(block);
  std::uint32_t const fifth = ggml_fifth_bits(block + 2);
  decode_ggml_nibbles(block + 6, to, [&](int code, std::size_t j) {
    return scale * static_cast<float>((code | static_cast<int>((fifth >> j & 1U) << 4U)) - 16);
  });
}

inline void decode_q5_1(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  float const scale = ggml_half(block);
  float const least = ggml_half(block + 2);
  std::uint32_t const fifth = ggml_fifth_bits(block + 4);
  decode_ggml_nibbles(block + 8, to, [&](int code, std::size_t j) {
    return scale * static_cast<float>(code | static_cast<int>((fifth >> j & 1U) << 4U)) + least;
  });
}

inline void decode_q8_0(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  float const scale = ggml_half(block);
  for (std::size_t j = 0; j < 32; ++j) {
    to[j] = scale * static_cast<float>(static_cast<std::int8_t>(block[2 + j]));
  }
}

/// Scale and least value of the eight parts of a block of 256, six bits each in twelve bytes: those of the first four parts are
/// whole, and their bytes' upper two bits belong to the last four, whose lower four bits share a byte.
struct ggml_k_scales {
  std::array<float, 8> scale;
  std::array<float, 8> least;

  /// @param block half, half, twelve bytes
  explicit ggml_k_scales(std::uint8_t const* block) : scale(), least() {
    DFROT_EXACT_MATH
    float const scale_unit = ggml_half(block);
    float const least_unit = ggml_half(block + 2);
    std::uint8_t const* const bytes = block + 4;
    for (std::size_t j = 0; j < 4; ++j) {
      int const shared = bytes[8 + j];
      scale[j] = scale_unit * static_cast<float>(bytes[j] & 63);
      least[j] = least_unit * static_cast<float>(bytes[4 + j] & 63);
      scale[4 + j] = scale_unit * static_cast<float>((shared & 15) | (bytes[j] >> 6) << 4);
      least[4 + j] = least_unit * static_cast<float>((shared >> 4) | (bytes[4 + j] >> 6) << 4);
    }
  }
};

inline void decode_q4_k(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  ggml_k_scales const parts(block);
  std::uint8_t const* const nibbles = block + 16;
  for (std::size_t j = 0; j < 256; ++j) {  // two parts of 32 share 32 bytes
    std::size_t const part = j / 32;
    int const code = nibbles[part / 2 * 32 + j % 32] >> (part % 2 * 4) & 15;
    to[j] = parts.scale[part] * static_cast<float>(code) - parts.least[part];
  }
}

inline void decode_q5_k(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  ggml_k_scales const parts(block);
  std::uint8_t const* const fifth = block + 16;  // of part p in bit p
  std::uint8_t const* const nibbles = block + 48;
  for (std::size_t j = 0; j < 256; ++j) {
    std::size_t const part = j / 32;
    int const code = (nibbles[part / 2 * 32 + j % 32] >> (part % 2 * 4) & 15) | (fifth[j % 32] >> part & 1) << 4;
    to[j] = parts.scale[part] * static_cast<float>(code) - parts.least[part];
  }
}

/// Two halves of 128. In one, part p of 32 has its low nibbles in the 32 bytes p % 2, and its upper two bits in bits 2 p of 32
/// others. A scale of eight bits for each 16 values, the unit of all at the end.
inline void decode_q6_k(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  float const unit = ggml_half(block + 208);
  for (std::size_t j = 0; j < 256; ++j) {
    std::size_t const half_of_block = j / 128;
    std::size_t const part = j / 32 % 4;
    int const low = block[half_of_block * 64 + part % 2 * 32 + j % 32] >> (part / 2 * 4) & 15;
    int const high = block[128 + half_of_block * 32 + j % 32] >> (part * 2) & 3;
    auto const scale = static_cast<std::int8_t>(block[192 + j / 16]);
    to[j] = unit * static_cast<float>(scale) * static_cast<float>((low | high << 4) - 32);
  }
}

/// 2^(e - 128), half of an e8m0: the table of E2M1 holds doubled values. 255 is a number here, 2^127.
[[nodiscard]] inline float ggml_mx_scale(std::uint8_t e) {
  return bit_cast<float>(e < 2 ? 0x00200000U << e : (static_cast<std::uint32_t>(e) - 1U) << 23U);
}

inline void decode_mxfp4(std::uint8_t const* block, float* to) {
  DFROT_EXACT_MATH
  static constexpr std::array<float, 16> doubled = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  float const scale = ggml_mx_scale(block[0]);
  decode_ggml_nibbles(block + 1, to,
                      [&](int code, std::size_t) { return scale * doubled[static_cast<std::size_t>(code)]; });
}

inline void decode_f32(std::uint8_t const* stored, float* to) { std::memcpy(to, stored, sizeof *to); }
inline void decode_f16(std::uint8_t const* stored, float* to) { *to = ggml_half(stored); }
inline void decode_bf16(std::uint8_t const* stored, float* to) {
  *to = bit_cast<float>(static_cast<std::uint32_t>(stored[0] | stored[1] << 8) << 16U);
}

template <void (*Decode)(std::uint8_t const*, float*)>
void decode_ggml_blocks(ggml_layout const& layout, std::uint8_t const* stored, std::size_t columns, float* to) {
  for (std::size_t j = 0; j < columns; j += layout.block) {
    Decode(stored, to + j);
    stored += layout.bytes;
  }
}

}  // namespace detail

/// Decodes values that stand together in a row, whole blocks, to what ggml's reference decoder gives, bit for bit.
/// @param type one that layout_of() calls decoded   @param stored columns / block * bytes   @param columns a multiple of the block
/// Complexity: linear.   Source: the block formats of ggml; for MXFP4 also OCP Microscaling Formats (MX) v1.0.
inline void decode_ggml_row(ggml_type type, std::uint8_t const* stored, std::size_t columns, float* to) {
  ggml_layout const layout = layout_of(type);
  switch (type) {
    case ggml_type::f32:
      return detail::decode_ggml_blocks<detail::decode_f32>(layout, stored, columns, to);
    case ggml_type::f16:
      return detail::decode_ggml_blocks<detail::decode_f16>(layout, stored, columns, to);
    case ggml_type::bf16:
      return detail::decode_ggml_blocks<detail::decode_bf16>(layout, stored, columns, to);
    case ggml_type::q4_0:
      return detail::decode_ggml_blocks<detail::decode_q4_0>(layout, stored, columns, to);
    case ggml_type::q4_1:
      return detail::decode_ggml_blocks<detail::decode_q4_1>(layout, stored, columns, to);
    case ggml_type::q5_0:
      return detail::decode_ggml_blocks<detail::decode_q5_0>(layout, stored, columns, to);
    case ggml_type::q5_1:
      return detail::decode_ggml_blocks<detail::decode_q5_1>(layout, stored, columns, to);
    case ggml_type::q8_0:
      return detail::decode_ggml_blocks<detail::decode_q8_0>(layout, stored, columns, to);
    case ggml_type::q4_k:
      return detail::decode_ggml_blocks<detail::decode_q4_k>(layout, stored, columns, to);
    case ggml_type::q5_k:
      return detail::decode_ggml_blocks<detail::decode_q5_k>(layout, stored, columns, to);
    case ggml_type::q6_k:
      return detail::decode_ggml_blocks<detail::decode_q6_k>(layout, stored, columns, to);
    case ggml_type::mx_fp4:
      return detail::decode_ggml_blocks<detail::decode_mxfp4>(layout, stored, columns, to);
  }
  reject(message("a row of ", name_of(type), " values cannot be decoded"));
}

}  // namespace dfrot
