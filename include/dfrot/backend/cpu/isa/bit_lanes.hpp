#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// A register of integers of 16 or 32 bits (U), for the largest one. magnitude() clears the upper bit of each.
/// count_larger(a, b) counts lanes with a > b, both without their upper bits.
/// largest(a, b) takes registers whose lanes are all compared as unsigned numbers.
template <class Arch>
struct bit_lanes;

/// The largest lane of two registers, as unsigned numbers.
template <class U>
struct largest_lanes {
  U first;
  U second;
};

#if DFROT_CPU_AVX2

template <>
struct bit_lanes<avx2> {
  using reg = __m256i;
  static constexpr std::size_t bytes = 32;

  static reg zero() { return _mm256_setzero_si256(); }
  static reg load(void const* from) { return _mm256_loadu_si256(static_cast<__m256i const*>(from)); }
  template <class U>
  static reg magnitude(reg a) {
    return _mm256_and_si256(a, sizeof(U) == 2 ? _mm256_set1_epi16(0x7fff) : _mm256_set1_epi32(0x7fffffff));
  }
  template <class U>
  static reg broadcast(U value) {
    return sizeof(U) == 2 ? _mm256_set1_epi16(static_cast<short>(value)) : _mm256_set1_epi32(static_cast<int>(value));
  }
  template <class U>
  static std::size_t count_larger(reg a, reg b) {
    __m256i const larger = sizeof(U) == 2 ? _mm256_cmpgt_epi16(a, b) : _mm256_cmpgt_epi32(a, b);
    return static_cast<std::size_t>(std::popcount(static_cast<unsigned>(_mm256_movemask_epi8(larger)))) / sizeof(U);
  }
  template <class U>
  static reg max_unsigned(reg a, reg b) {
    return sizeof(U) == 2 ? _mm256_max_epu16(a, b) : _mm256_max_epu32(a, b);
  }
  template <class U>
  static reg max_signed(reg a, reg b) {
    return sizeof(U) == 2 ? _mm256_max_epi16(a, b) : _mm256_max_epi32(a, b);
  }

  template <class U>
  static __m128i max_unsigned(__m128i a, __m128i b) {
    return sizeof(U) == 2 ? _mm_max_epu16(a, b) : _mm_max_epu32(a, b);
  }
  template <class U>
  static __m128i fold(reg a) {
    return max_unsigned<U>(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  }
  /// Both registers are reduced at once: their lanes are interleaved first.
  template <class U>
  static largest_lanes<U> largest(__m128i a, __m128i b) {
    __m128i both = max_unsigned<U>(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    both = max_unsigned<U>(both, _mm_unpackhi_epi64(both, both));
    if constexpr (sizeof(U) == 2) {
      both = max_unsigned<U>(both, _mm_srli_epi32(both, 16));
    }
    auto const joined = static_cast<std::uint64_t>(_mm_cvtsi128_si64(both));
    return {static_cast<U>(joined), static_cast<U>(joined >> 32U)};
  }
  template <class U>
  static largest_lanes<U> largest(reg a, reg b) {
    return largest<U>(fold<U>(a), fold<U>(b));
  }
};

#endif

#if DFROT_CPU_AVX512

template <>
struct bit_lanes<avx512> {
  using reg = __m512i;
  static constexpr std::size_t bytes = 64;

  static reg zero() { return _mm512_setzero_si512(); }
  static reg load(void const* from) { return _mm512_loadu_si512(from); }
  template <class U>
  static reg magnitude(reg a) {
    return _mm512_and_si512(a, sizeof(U) == 2 ? _mm512_set1_epi16(0x7fff) : _mm512_set1_epi32(0x7fffffff));
  }
  template <class U>
  static reg broadcast(U value) {
    return sizeof(U) == 2 ? _mm512_set1_epi16(static_cast<short>(value)) : _mm512_set1_epi32(static_cast<int>(value));
  }
  template <class U>
  static std::size_t count_larger(reg a, reg b) {
    if constexpr (sizeof(U) == 2) {
      return static_cast<std::size_t>(std::popcount(static_cast<std::uint32_t>(_mm512_cmpgt_epi16_mask(a, b))));
    } else {
      return static_cast<std::size_t>(std::popcount(static_cast<std::uint32_t>(_mm512_cmpgt_epi32_mask(a, b))));
    }
  }
  template <class U>
  static reg max_unsigned(reg a, reg b) {
    return sizeof(U) == 2 ? _mm512_max_epu16(a, b) : _mm512_max_epu32(a, b);
  }
  template <class U>
  static reg max_signed(reg a, reg b) {
    return sizeof(U) == 2 ? _mm512_max_epi16(a, b) : _mm512_max_epi32(a, b);
  }

  template <class U>
  static __m256i fold(reg a) {
    return bit_lanes<avx2>::max_unsigned<U>(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
  }
  template <class U>
  static largest_lanes<U> largest(reg a, reg b) {
    return bit_lanes<avx2>::largest<U>(fold<U>(a), fold<U>(b));
  }
};

template <>
struct bit_lanes<avx512_vnni> : bit_lanes<avx512> {};

#endif

#if DFROT_CPU_NEON

template <>
struct bit_lanes<neon> {
  using reg = uint32x4_t;
  static constexpr std::size_t bytes = 16;

  static reg zero() { return vdupq_n_u32(0); }
  static reg load(void const* from) { return vreinterpretq_u32_u8(vld1q_u8(static_cast<std::uint8_t const*>(from))); }
  template <class U>
  static reg magnitude(reg a) {
    return vandq_u32(a, vdupq_n_u32(sizeof(U) == 2 ? 0x7fff7fffU : 0x7fffffffU));
  }
  template <class U>
  static reg broadcast(U value) {
    return sizeof(U) == 2 ? vreinterpretq_u32_u16(vdupq_n_u16(static_cast<std::uint16_t>(value))) : vdupq_n_u32(value);
  }
  template <class U>
  static std::size_t count_larger(reg a, reg b) {
    if constexpr (sizeof(U) == 2) {
      return vaddvq_u16(vshrq_n_u16(vcgtq_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b)), 15));
    } else {
      return vaddvq_u32(vshrq_n_u32(vcgtq_u32(a, b), 31));
    }
  }
  template <class U>
  static reg max_unsigned(reg a, reg b) {
    if constexpr (sizeof(U) == 2) {
      return vreinterpretq_u32_u16(vmaxq_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b)));
    } else {
      return vmaxq_u32(a, b);
    }
  }
  template <class U>
  static reg max_signed(reg a, reg b) {
    if constexpr (sizeof(U) == 2) {
      return vreinterpretq_u32_s16(vmaxq_s16(vreinterpretq_s16_u32(a), vreinterpretq_s16_u32(b)));
    } else {
      return vreinterpretq_u32_s32(vmaxq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b)));
    }
  }

  template <class U>
  static U largest(reg a) {
    if constexpr (sizeof(U) == 2) {
      return vmaxvq_u16(vreinterpretq_u16_u32(a));
    } else {
      return vmaxvq_u32(a);
    }
  }
  template <class U>
  static largest_lanes<U> largest(reg a, reg b) {
    return {largest<U>(a), largest<U>(b)};
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
