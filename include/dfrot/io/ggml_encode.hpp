#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/e2m1.hpp>
#include <dfrot/format/e8m0.hpp>
#include <dfrot/io/ggml_type.hpp>

namespace dfrot {

namespace detail {

/// 4-bit codes, 0 … 15, to the bytes of a block of 32: value j to the low nibble of byte j, value j + 16 to the high one.
template <class Code>
void encode_ggml_nibbles(std::uint8_t* nibbles, Code const& code) {
  for (std::size_t j = 0; j < 16; ++j) {
    nibbles[j] = static_cast<std::uint8_t>(code(j) | code(j + 16) << 4);
  }
}

inline void put_ggml_half(std::uint8_t* to, float value) {
  half const stored(value);
  std::memcpy(to, &stored, sizeof stored);
}

/// Whether a value is one that half can hold, rounded.
[[nodiscard]] inline bool fits_half(float value) { return is_finite(half(value)); }

/// 1 / scale; 0 where that is not finite, with which all codes stand for 0.
[[nodiscard]] inline float ggml_reciprocal(float scale) {
  float const reciprocal = 1.0F / scale;
  return is_finite(reciprocal) ? reciprocal : 0.0F;
}

/// min(15, floor(ratio * reciprocal + offset)), each operation rounded to float. A fused one would round otherwise near ties, and
/// bytes would depend on the processor.
[[nodiscard]] inline int ggml_code(float value, float reciprocal, float offset) {
  float const volatile product = value * reciprocal;
  float const sum = product + offset;
  return sum < 15.0F ? static_cast<int>(sum) : 15;
}

/// The place of the largest magnitude among 32, the first of equals.
[[nodiscard]] inline std::size_t largest_of_block(float const* values) {
  std::size_t place = 0;
  for (std::size_t j = 1; j < 32; ++j) {
    place = std::fabs(values[j]) > std::fabs(values[place]) ? j : place;
  }
  return place;
}

// Encoders of a block of finite values return where it holds one that the block's scale cannot reach; 32 where all is well.

/// d = m / -8 with the entry m of largest magnitude, so that all sixteen codes serve.
inline std::size_t encode_q4_0(float const* values, std::uint8_t* block) {
  DFROT_EXACT_MATH
  std::size_t const largest = largest_of_block(values);
  float const scale = values[largest] / -8.0F;
  float const reciprocal = ggml_reciprocal(scale);
  put_ggml_half(block, scale);
  encode_ggml_nibbles(block + 2, [&](std::size_t j) { return ggml_code(values[j], reciprocal, 8.5F); });
  return fits_half(scale) ? 32 : largest;
}

/// d = (max - min) / 15, m = min.
inline std::size_t encode_q4_1(float const* values, std::uint8_t* block) {
  DFROT_EXACT_MATH
  std::size_t least = 0;
  std::size_t most = 0;
  for (std::size_t j = 1; j < 32; ++j) {
    least = values[j] < values[least] ? j : least;
    most = values[j] > values[most] ? j : most;
  }
  float const scale = (values[most] - values[least]) / 15.0F;
  float const reciprocal = ggml_reciprocal(scale);
  put_ggml_half(block, scale);
  put_ggml_half(block + 2, values[least]);
  encode_ggml_nibbles(block + 4, [&](std::size_t j) { return ggml_code(values[j] - values[least], reciprocal, 0.5F); });
  return !fits_half(values[least]) ? least : (fits_half(scale) ? 32 : most);
}

/// d = max |x| / 127; ties away from zero.
inline std::size_t encode_q8_0(float const* values, std::uint8_t* block) {
  DFROT_EXACT_MATH
  std::size_t const largest = largest_of_block(values);
  float const scale = std::fabs(values[largest]) / 127.0F;
  float const reciprocal = ggml_reciprocal(scale);
  put_ggml_half(block, scale);
  for (std::size_t j = 0; j < 32; ++j) {
    block[2 + j] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::round(values[j] * reciprocal)));
  }
  return fits_half(scale) ? 32 : largest;
}

/// As the MX specification and this library's `mxfp4` have it, ties to the even code; ggml's own encoder takes the lesser value.
inline std::size_t encode_mxfp4(float const* values, std::uint8_t* block) {
  DFROT_EXACT_MATH
  constexpr e8m0_scale<e8m0_rule::floor> storage;
  e8m0 const scale = storage.store(std::fabs(values[largest_of_block(values)]), e2m1::highest(), 0);
  double const divisor = static_cast<float>(scale);
  block[0] = scale.bits;
  encode_ggml_nibbles(block + 1, [&](std::size_t j) { return e2m1::encode(values[j] / divisor) & 15; });
  return 32;
}

/// Finite values that a type of 16 bits rounds to infinity are refused; infinities and NaNs are what they are.
template <class Stored>
std::size_t encode_16_bits(float const* values, std::size_t columns, std::uint8_t* to) {
  for (std::size_t j = 0; j < columns; ++j) {
    Stored const stored(values[j]);
    if (is_finite(values[j]) && !is_finite(stored)) {
      return j;
    }
    std::memcpy(to + 2 * j, &stored, sizeof stored);
  }
  return columns;
}

template <std::size_t (*Encode)(float const*, std::uint8_t*)>
std::size_t encode_ggml_blocks(float const* values, std::size_t columns, std::size_t bytes, std::uint8_t* to) {
  for (std::size_t j = 0; j < columns; j += 32) {
    for (std::size_t i = j; i < j + 32; ++i) {
      if (!is_finite(values[i])) {
        return i;
      }
    }
    std::size_t const beyond = Encode(values + j, to + j / 32 * bytes);
    if (beyond < 32) {
      return j + beyond;
    }
  }
  return columns;
}

}  // namespace detail

/// Whether encode_ggml_row() knows a type.
[[nodiscard]] constexpr bool is_encoded(ggml_type type) {
  return type == ggml_type::f32 || type == ggml_type::f16 || type == ggml_type::bf16 || type == ggml_type::q8_0 ||
         type == ggml_type::q4_0 || type == ggml_type::q4_1 || type == ggml_type::mx_fp4;
}

/// Encodes values of a row, whole blocks. Q4_0, Q4_1 and Q8_0 have the bytes of ggml's reference encoder, compiled without fused
/// multiply-adds; MXFP4 has the codes of this library's scheme.
/// @param type one for which is_encoded()   @param columns a multiple of its block   @param to columns / block * bytes
/// Returns the first column with a value that the type cannot store (not finite in a block; a scale beyond half): `columns` where
/// all is well.   Complexity: linear.   Determinism: the same bytes on every processor.
[[nodiscard]] inline std::size_t encode_ggml_row(ggml_type type, float const* values, std::size_t columns,
                                                 std::uint8_t* to) {
  std::size_t const bytes = layout_of(type).bytes;
  switch (type) {
    case ggml_type::f32:
      std::memcpy(to, values, columns * bytes);
      return columns;
    case ggml_type::f16:
      return detail::encode_16_bits<half>(values, columns, to);
    case ggml_type::bf16:
      return detail::encode_16_bits<bfloat16>(values, columns, to);
    case ggml_type::q8_0:
      return detail::encode_ggml_blocks<detail::encode_q8_0>(values, columns, bytes, to);
    case ggml_type::q4_0:
      return detail::encode_ggml_blocks<detail::encode_q4_0>(values, columns, bytes, to);
    case ggml_type::q4_1:
      return detail::encode_ggml_blocks<detail::encode_q4_1>(values, columns, bytes, to);
    case ggml_type::mx_fp4:
      return detail::encode_ggml_blocks<detail::encode_mxfp4>(values, columns, bytes, to);
    default:
      reject(message("values cannot be encoded as ", name_of(type)));
  }
}

}  // namespace dfrot
