#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/backend/cpu/codes/code_registers.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/int4_grid.hpp>

// Codes in registers of 256 bits.

#if DFROT_CPU_AVX2

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

template <>
struct code_lanes<avx2> {
  using reg = __m256;

  static void pack(reg const (&y)[4], int bias, int flip, std::uint8_t* out) {
    __m256i const codes = bytes(y, bias);  // lane l: y0.l y1.l y2.l y3.l, four codes each
    __m256i const pairs = _mm256_maddubs_epi16(codes, _mm256_set1_epi16(0x1001));
    __m128i const split = _mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    __m128i const joined = _mm_unpacklo_epi16(split, _mm_unpackhi_epi64(split, split));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_xor_si128(joined, _mm_set1_epi8(static_cast<char>(flip))));
  }

  static void write(reg const (&y)[4], int offset, std::int8_t* out) {
    // Codes may be negative: 128 more keeps them from the unsigned saturation of bytes(), and the XOR takes it away.
    __m256i const codes = bytes(y, offset + 128);
    __m256i const ordered = _mm256_permutevar8x32_epi32(codes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm256_xor_si256(ordered, _mm256_set1_epi8(static_cast<char>(0x80))));
  }

 private:
  static __m256i integers(reg y, int offset) {
    return _mm256_sub_epi32(_mm256_castps_si256(y), _mm256_set1_epi32(rounding_magic_bits - offset));
  }
  /// Integers + offset, each in [0, 255].
  static __m256i bytes(reg const (&y)[4], int offset) {
    __m256i const low = _mm256_packus_epi32(integers(y[0], offset), integers(y[1], offset));
    __m256i const high = _mm256_packus_epi32(integers(y[2], offset), integers(y[3], offset));
    return _mm256_packus_epi16(low, high);
  }
};

template <>
struct nibble_bytes<avx2> {
  static constexpr std::size_t block = 64;

  static void pack(std::int8_t const* codes, std::uint8_t* out) {
    __m256i const packed = _mm256_packus_epi16(pairs(codes), pairs(codes + 32));
    store(_mm256_permute4x64_epi64(packed, 0xd8), out);
  }

  static void unpack(std::uint8_t const* packed, int flip, std::int8_t* out) {
    __m256i const flips = _mm256_set1_epi8(static_cast<char>(flip));
    for (std::size_t k = 0; k < 2; ++k) {
      __m256i const words = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<__m128i const*>(packed + 16 * k)));
      __m256i const nibbles =
          _mm256_and_si256(_mm256_or_si256(words, _mm256_slli_epi16(words, 4)), _mm256_set1_epi8(15));
      store(_mm256_sub_epi8(_mm256_xor_si256(nibbles, flips), flips), out + 32 * k);
    }
  }

 private:
  static void store(__m256i bytes, void* out) { _mm256_storeu_si256(static_cast<__m256i*>(out), bytes); }
  /// Words even + 16 odd of 32 codes.
  static __m256i pairs(std::int8_t const* codes) {
    __m256i const bytes = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(codes));
    return _mm256_maddubs_epi16(_mm256_and_si256(bytes, _mm256_set1_epi8(15)), _mm256_set1_epi16(0x1001));
  }
};

/// Shifts every nibble to its lane, and makes it the low bits of a float: 2^23 + nibble.
template <>
struct nibble_lanes<avx2> {
  using reg = __m256;
  static constexpr std::size_t registers = 4;

  __m256 scale;
  __m256i exponent;  ///< of 2^23, and for signed codes the bit that makes them unsigned codes less 8
  __m256 offset;
  __m256i zero_point;

  explicit nibble_lanes(int4_grid<float> const& grid)
      : scale(_mm256_set1_ps(grid.scale)),
        exponent(_mm256_set1_epi32(grid.lowest < 0 ? 0x4b000008 : 0x4b000000)),
        offset(_mm256_set1_ps(0x1p23F + static_cast<float>(grid.zero_point - grid.lowest))),
        zero_point(_mm256_set1_epi32(grid.zero_point)) {}

  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    __m256i const shift = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    for (std::size_t k = 0; k < registers; ++k) {
      int eight_codes = 0;
      std::memcpy(&eight_codes, in + 4 * k, 4);
      __m256i const low = _mm256_srlv_epi32(_mm256_set1_epi32(eight_codes), shift);
      __m256i const number = _mm256_xor_si256(_mm256_and_si256(low, _mm256_set1_epi32(15)), exponent);
      y[k] = _mm256_mul_ps(scale, _mm256_sub_ps(_mm256_castsi256_ps(number), offset));
    }
  }

  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    for (std::size_t k = 0; k < registers; ++k) {
      __m128i const eight_codes = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(in + 8 * k));
      __m256i const code = _mm256_sub_epi32(_mm256_cvtepi8_epi32(eight_codes), zero_point);
      y[k] = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(code));
    }
  }
};

template <>
struct value_table<avx2> {
  using reg = __m256;
  static constexpr std::size_t registers = 4;

  __m256 low;   ///< of codes 0 … 7
  __m256 high;  ///< of codes 8 … 15

  template <class Element, class Stored>
  explicit value_table(block_grid<Element, Stored, float> const& grid)
      : value_table(detail::read_tables(grid.element).values, grid.scale) {}
  value_table(std::array<float, 16> const& values, float scale)
      : low(_mm256_mul_ps(_mm256_loadu_ps(values.data()), _mm256_set1_ps(scale))),
        high(_mm256_mul_ps(_mm256_loadu_ps(values.data() + 8), _mm256_set1_ps(scale))) {}

  [[nodiscard]] reg look_up(__m256i codes) const {
    __m256 const bit_3 = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, codes), _mm256_permutevar8x32_ps(high, codes), bit_3);
  }
  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    __m256i const shift = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    for (std::size_t k = 0; k < registers; ++k) {
      int eight_codes = 0;
      std::memcpy(&eight_codes, in + 4 * k, 4);
      y[k] = look_up(_mm256_srlv_epi32(_mm256_set1_epi32(eight_codes), shift));
    }
  }
  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    for (std::size_t k = 0; k < registers; ++k) {
      y[k] = look_up(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(in + 8 * k))));
    }
  }
};

namespace detail {

template <>
struct threshold_search<avx2> {
  __m256 low;
  __m256 high;

  explicit threshold_search(std::array<float, 16> const& thresholds)
      : low(_mm256_loadu_ps(thresholds.data())), high(_mm256_loadu_ps(thresholds.data() + 8)) {}

  template <bool Signed>
  [[nodiscard]] __m256i search(__m256 x, __m256 inverse) const {
    __m256 const sign_bit = _mm256_set1_ps(-0.0F);
    __m256 const size = Signed ? _mm256_andnot_ps(sign_bit, x) : x;
    __m256 const factor = Signed ? _mm256_andnot_ps(sign_bit, inverse) : inverse;
    __m256i code = _mm256_castps_si256(_mm256_set1_ps(rounding_magic));
    __m256 upper = _mm256_setzero_ps();
    auto const add = [&code](__m256 above, int step) {
      code = _mm256_or_si256(code, _mm256_and_si256(_mm256_castps_si256(above), _mm256_set1_epi32(step)));
    };
    auto const from = [&](__m256 threshold) { return _mm256_fmsub_ps(size, factor, threshold); };
    auto const threshold = [&](int before) {
      __m256i const place = _mm256_or_si256(code, _mm256_set1_epi32(before));
      __m256 const below = _mm256_permutevar8x32_ps(low, place);
      return Signed ? below : _mm256_blendv_ps(below, _mm256_permutevar8x32_ps(high, place), upper);
    };
    __m256 const zero = _mm256_setzero_ps();
    if constexpr (!Signed) {
      upper = _mm256_cmp_ps(from(_mm256_permutevar8x32_ps(low, _mm256_set1_epi32(7))), zero, _CMP_GE_OQ);
      add(upper, 8);
    }
    add(_mm256_cmp_ps(from(threshold(3)), zero, _CMP_GE_OQ), 4);
    add(_mm256_cmp_ps(from(threshold(1)), zero, _CMP_GE_OQ), 2);
    add(_mm256_cmp_ps(from(threshold(0)), zero, _CMP_GT_OQ), 1);
    if constexpr (Signed) {
      __m256i const sign = _mm256_srli_epi32(_mm256_castps_si256(_mm256_xor_ps(x, inverse)), 28);
      code = _mm256_or_si256(code, _mm256_and_si256(sign, _mm256_set1_epi32(8)));
    }
    return code;
  }
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#endif
