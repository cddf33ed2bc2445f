#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// A grid that turns codes to values in registers of floats: scale * (code - zero point).
///   packed(in, y)   32 codes from 16 bytes of nibbles   bytes(in, y)   32 codes from 32 bytes
template <class Arch>
struct nibble_lanes;

#if DFROT_CPU_AVX2

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

#endif

#if DFROT_CPU_AVX512

/// Looks values up in a register that holds all sixteen. A look-up reads the low four bits of each lane only.
template <>
struct nibble_lanes<avx512> {
  using reg = __m512;
  static constexpr std::size_t registers = 2;

  __m512 scale;
  __m512i zero_point;
  __m512 table;

  explicit nibble_lanes(int4_grid<float> const& grid)
      : scale(_mm512_set1_ps(grid.scale)),
        zero_point(_mm512_set1_epi32(grid.zero_point)),
        table(decode(grid.lowest < 0 ? _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1)
                                     : _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))) {}

  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    // Every byte goes to two lanes; the odd one takes its upper half.
    __m512i const spread = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    __m512i const odd_lane = _mm512_set1_epi64(0x0000000400000000);
    for (std::size_t k = 0; k < registers; ++k) {
      __m512i const codes =
          _mm512_srlv_epi32(_mm512_shuffle_epi8(_mm512_set1_epi64(sixteen_codes(in, k)), spread), odd_lane);
      y[k] = _mm512_permutexvar_ps(codes, table);
    }
  }

  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    for (std::size_t k = 0; k < registers; ++k) {
      y[k] = decode(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(in + 16 * k))));
    }
  }

 protected:
  [[nodiscard]] __m512 decode(__m512i codes) const {
    return _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_sub_epi32(codes, zero_point)));
  }
  static long long sixteen_codes(std::uint8_t const* in, std::size_t k) {
    long long codes = 0;
    std::memcpy(&codes, in + 8 * k, 8);
    return codes;
  }
};

#endif

#if DFROT_CPU_AVX512_VNNI

template <>
struct nibble_lanes<avx512_vnni> : nibble_lanes<avx512> {
  using nibble_lanes<avx512>::nibble_lanes;

  /// Every byte of the result can start at any bit of its quadword: one instruction brings nibbles to their lanes.
  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    __m512i const start_bit = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
    for (std::size_t k = 0; k < registers; ++k) {
      __m512i const codes = _mm512_multishift_epi64_epi8(start_bit, _mm512_set1_epi64(sixteen_codes(in, k)));
      y[k] = _mm512_permutexvar_ps(codes, table);
    }
  }
};

#endif

#if DFROT_CPU_NEON

template <>
struct nibble_lanes<neon> {
  using reg = float32x4_t;
  static constexpr std::size_t registers = 8;

  float scale;
  int16x8_t zero_point;
  uint8x16_t flip;
  int8x16_t lowest;

  explicit nibble_lanes(int4_grid<float> const& grid)
      : scale(grid.scale),
        zero_point(vdupq_n_s16(static_cast<std::int16_t>(grid.zero_point))),
        flip(vdupq_n_u8(grid.lowest < 0 ? 0x88 : 0)),
        lowest(vdupq_n_s8(static_cast<std::int8_t>(grid.lowest))) {}

  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    uint8x16_t const pairs = veorq_u8(vld1q_u8(in), flip);
    uint8x16_t const even = vandq_u8(pairs, vdupq_n_u8(15));
    uint8x16_t const odd = vshrq_n_u8(pairs, 4);
    decode(vaddq_s8(vreinterpretq_s8_u8(vzip1q_u8(even, odd)), lowest), y);
    decode(vaddq_s8(vreinterpretq_s8_u8(vzip2q_u8(even, odd)), lowest), y + 4);
  }

  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    decode(vld1q_s8(in), y);
    decode(vld1q_s8(in + 16), y + 4);
  }

 private:
  void decode(int8x16_t codes, reg* y) const {
    decode(vsubq_s16(vmovl_s8(vget_low_s8(codes)), zero_point), y);
    decode(vsubq_s16(vmovl_high_s8(codes), zero_point), y + 2);
  }
  void decode(int16x8_t steps, reg* y) const {
    y[0] = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(steps))), scale);
    y[1] = vmulq_n_f32(vcvtq_f32_s32(vmovl_high_s16(steps)), scale);
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
