#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Moves blocks of codes between bytes (one code each) and nibbles (two a byte).
///   pack(codes, out)             block codes to block / 2 bytes; only the low four bits of a code are kept
///   unpack(packed, flip, out)    block / 2 bytes to block codes: (nibble ^ flip) - flip, where flip is 8 or 0
template <class Arch>
struct nibble_bytes;

#if DFROT_CPU_AVX2

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

#endif

#if DFROT_CPU_AVX512

template <>
struct nibble_bytes<avx512> {
  static constexpr std::size_t block = 128;

  static void pack(std::int8_t const* codes, std::uint8_t* out) {
    __m512i const packed = _mm512_packus_epi16(pairs(codes), pairs(codes + 64));
    _mm512_storeu_si512(out, _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed));
  }

  static void unpack(std::uint8_t const* packed, int flip, std::int8_t* out) {
    __m512i const flips = _mm512_set1_epi8(static_cast<char>(flip));
    for (std::size_t k = 0; k < 2; ++k) {
      __m512i const words = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<__m256i const*>(packed + 32 * k)));
      constexpr int or_then_and = 0xa8;
      __m512i const nibbles =
          _mm512_ternarylogic_epi32(words, _mm512_slli_epi16(words, 4), _mm512_set1_epi8(15), or_then_and);
      _mm512_storeu_si512(out + 64 * k, _mm512_sub_epi8(_mm512_xor_si512(nibbles, flips), flips));
    }
  }

 private:
  /// Words even + 16 odd of 64 codes.
  static __m512i pairs(std::int8_t const* codes) {
    __m512i const bytes = _mm512_loadu_si512(codes);
    return _mm512_maddubs_epi16(_mm512_and_si512(bytes, _mm512_set1_epi8(15)), _mm512_set1_epi16(0x1001));
  }
};

template <>
struct nibble_bytes<avx512_vnni> : nibble_bytes<avx512> {};

#endif

#if DFROT_CPU_NEON

template <>
struct nibble_bytes<neon> {
  static constexpr std::size_t block = 32;

  static void pack(std::int8_t const* codes, std::uint8_t* out) {
    uint8x16_t const low = vreinterpretq_u8_s8(vld1q_s8(codes));
    uint8x16_t const high = vreinterpretq_u8_s8(vld1q_s8(codes + 16));
    vst1q_u8(out, vsliq_n_u8(vandq_u8(vuzp1q_u8(low, high), vdupq_n_u8(15)), vuzp2q_u8(low, high), 4));
  }

  static void unpack(std::uint8_t const* packed, int flip, std::int8_t* out) {
    uint8x16_t const pairs = vld1q_u8(packed);
    uint8x16_t const even = vandq_u8(pairs, vdupq_n_u8(15));
    uint8x16_t const odd = vshrq_n_u8(pairs, 4);
    uint8x16_t const flips = vdupq_n_u8(static_cast<std::uint8_t>(flip));
    vst1q_s8(out, vreinterpretq_s8_u8(vsubq_u8(veorq_u8(vzip1q_u8(even, odd), flips), flips)));
    vst1q_s8(out + 16, vreinterpretq_s8_u8(vsubq_u8(veorq_u8(vzip2q_u8(even, odd), flips), flips)));
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
