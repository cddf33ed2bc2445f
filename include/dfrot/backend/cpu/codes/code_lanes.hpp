#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// How 32 placed numbers (grid_lanes::place(): rounding_magic + integer), in registers, become codes in memory.
///   pack(y, bias, flip, out)   16 bytes: nibbles (integer + bias), every byte then XORed with flip
///   write(y, offset, out)      32 bytes: integer + offset
/// A signed nibble is integer + 8 with its upper bit flipped: bias 8, flip 0x88. An unsigned one: bias = zero point.
template <class Arch>
struct code_lanes;

/// Numbers that code_lanes takes at once.
inline constexpr std::size_t code_block = 32;

/// The bits of rounding_magic.
inline constexpr int rounding_magic_bits = 0x4b400000;

#if DFROT_CPU_AVX2

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

#endif

#if DFROT_CPU_AVX512

template <>
struct code_lanes<avx512> {
  using reg = __m512;

  static void pack(reg const (&y)[2], int bias, int flip, std::uint8_t* out) {
    __m512i const pairs = _mm512_madd_epi16(words(y[0], y[1]), _mm512_set1_epi32(0x100001));
    store_bytes(_mm512_add_epi32(pairs, _mm512_set1_epi32(0x11 * bias)), flip, out);
  }

  static void write(reg const (&y)[2], int offset, std::int8_t* out) {
    __m512i const shift = _mm512_set1_epi16(static_cast<short>(offset));
    __m512i const codes = _mm512_add_epi16(words(y[0], y[1]), shift);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi16_epi8(codes));
  }

 private:
  /// The low words of 32 floats: integers, as rounding_magic ends in zeros.
  static __m512i words(__m512 a, __m512 b) {
    __m512i const even_words = _mm512_setr_epi32(0x00020000, 0x00060004, 0x000a0008, 0x000e000c, 0x00120010, 0x00160014,
                                                 0x001a0018, 0x001e001c, 0x00220020, 0x00260024, 0x002a0028, 0x002e002c,
                                                 0x00320030, 0x00360034, 0x003a0038, 0x003e003c);
    return _mm512_permutex2var_epi16(_mm512_castps_si512(a), even_words, _mm512_castps_si512(b));
  }
  static void store_bytes(__m512i low_bytes, int flip, std::uint8_t* out) {
    __m128i const bytes = _mm512_cvtepi32_epi8(low_bytes);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(flip))));
  }
};

template <>
struct code_lanes<avx512_vnni> : code_lanes<avx512> {};

#endif

#if DFROT_CPU_NEON

template <>
struct code_lanes<neon> {
  using reg = float32x4_t;

  static void pack(reg const (&y)[8], int bias, int flip, std::uint8_t* out) {
    uint8x16_t const shift = vdupq_n_u8(static_cast<std::uint8_t>(bias));
    uint8x16_t const low = vaddq_u8(bytes(y), shift);
    uint8x16_t const high = vaddq_u8(bytes(y + 4), shift);
    uint8x16_t const joined = vsliq_n_u8(vuzp1q_u8(low, high), vuzp2q_u8(low, high), 4);
    vst1q_u8(out, veorq_u8(joined, vdupq_n_u8(static_cast<std::uint8_t>(flip))));
  }

  static void write(reg const (&y)[8], int offset, std::int8_t* out) {
    uint8x16_t const shift = vdupq_n_u8(static_cast<std::uint8_t>(offset));
    vst1q_s8(out, vreinterpretq_s8_u8(vaddq_u8(bytes(y), shift)));
    vst1q_s8(out + 16, vreinterpretq_s8_u8(vaddq_u8(bytes(y + 4), shift)));
  }

 private:
  static uint16x8_t words(reg a, reg b) { return vuzp1q_u16(vreinterpretq_u16_f32(a), vreinterpretq_u16_f32(b)); }
  /// The lowest bytes of 16 floats: integers, as rounding_magic ends in zeros.
  static uint8x16_t bytes(reg const* y) {
    return vuzp1q_u8(vreinterpretq_u8_u16(words(y[0], y[1])), vreinterpretq_u8_u16(words(y[2], y[3])));
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
