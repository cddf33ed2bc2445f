#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/registers.hpp>
#include <dfrot/core/numeric.hpp>

// Registers of 256 bits.

#if DFROT_CPU_AVX2

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

template <>
struct float_registers<avx2> {
  using reg = __m256;
  static constexpr std::size_t width = 8;
  static constexpr bool masked = false;

  static reg broadcast(float value) { return _mm256_set1_ps(value); }
  static reg add(reg a, reg b) { return _mm256_add_ps(a, b); }
  static reg subtract(reg a, reg b) { return _mm256_sub_ps(a, b); }
  static reg multiply(reg a, reg b) { return _mm256_mul_ps(a, b); }
  static reg min(reg a, reg b) { return _mm256_min_ps(a, b); }
  static reg max(reg a, reg b) { return _mm256_max_ps(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm256_fmadd_ps(a, b, c); }
  static reg fnma(reg a, reg b, reg c) { return _mm256_fnmadd_ps(a, b, c); }

  template <std::size_t Distance>
  static reg exchange(reg a) {
    static_assert(Distance == 1 || Distance == 2 || Distance == 4);
    if constexpr (Distance == 1) {
      return _mm256_permute_ps(a, 0xB1);
    } else if constexpr (Distance == 2) {
      return _mm256_permute_ps(a, 0x4E);
    } else {
      return _mm256_permute2f128_ps(a, a, 1);
    }
  }
  template <std::size_t Distance>
  static reg even_groups(reg a, reg b) {
    static_assert(Distance == 1 || Distance == 2 || Distance == 4);
    if constexpr (Distance == 1) {
      return _mm256_blend_ps(a, _mm256_moveldup_ps(b), 0xAA);
    } else if constexpr (Distance == 2) {
      return _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
    } else {
      return _mm256_permute2f128_ps(a, b, 0x20);
    }
  }
  template <std::size_t Distance>
  static reg odd_groups(reg a, reg b) {
    if constexpr (Distance == 1) {
      return _mm256_blend_ps(_mm256_movehdup_ps(a), b, 0xAA);
    } else if constexpr (Distance == 2) {
      return _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
    } else {
      return _mm256_permute2f128_ps(a, b, 0x31);
    }
  }
  static reg with_signs(reg a, std::int8_t const* signs) {
    __m256i const wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(signs)));
    return _mm256_xor_ps(a, _mm256_and_ps(_mm256_castsi256_ps(wide), _mm256_set1_ps(-0.0F)));
  }

  static reg load(float const* from) { return _mm256_loadu_ps(from); }
  static void store(reg value, float* to) { _mm256_storeu_ps(to, value); }
  template <class T>
  static reg load(T const* from) {
    return widen<T>(_mm_loadu_si128(reinterpret_cast<__m128i const*>(from)));
  }
  template <class T>
  static void store(reg value, T* to) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), narrow<T>(value));
  }

  template <class T>
  static reg widen(__m128i bits) {
    if constexpr (std::is_same_v<T, half>) {
      return _mm256_cvtph_ps(bits);
    } else {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
    }
  }

  template <class T>
  static __m128i narrow(reg value) {
    if constexpr (std::is_same_v<T, half>) {
      return _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    } else {
      __m256i const bits = _mm256_castps_si256(value);
      __m256i const upper = _mm256_srli_epi32(bits, 16);
      __m256i const odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
      __m256i const rounded =
          _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
      __m256i const is_nan = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q));
      __m256i const words = _mm256_blendv_epi8(rounded, _mm256_or_si256(upper, _mm256_set1_epi32(0x40)), is_nan);
      return _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    }
  }
};

template <>
struct double_registers<avx2> {
  using reg = __m256d;
  static constexpr std::size_t width = 4;

  static reg lower(__m256 a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
  static reg upper(__m256 a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
  static reg zero() { return _mm256_setzero_pd(); }
  static reg add(reg a, reg b) { return _mm256_add_pd(a, b); }
  static reg subtract(reg a, reg b) { return _mm256_sub_pd(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm256_fmadd_pd(a, b, c); }
  static void store(reg a, double* to) { _mm256_storeu_pd(to, a); }
};

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

template <>
struct sign_bits<avx2> {
  static std::uint32_t of_32(std::int8_t const* signs) {
    __m256i const bytes = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(signs));
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes));
  }
  /// In each pair of bytes, the even one moves up, and packing keeps its sign.
  static std::uint32_t of_even_32(std::int8_t const* signs) {
    auto const* const bytes = reinterpret_cast<__m256i const*>(signs);
    __m256i const low = _mm256_slli_epi16(_mm256_loadu_si256(bytes), 8);
    __m256i const high = _mm256_slli_epi16(_mm256_loadu_si256(bytes + 1), 8);
    __m256i const even = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8);
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(even));
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#endif
