#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/avx2.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/registers.hpp>
#include <dfrot/core/numeric.hpp>

// Registers of 512 bits. Integer dot products and byte permutations (avx512_vnni) add nothing here.

#if DFROT_CPU_AVX512

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

template <>
struct float_registers<avx512> {
  using reg = __m512;
  static constexpr std::size_t width = 16;
  static constexpr bool masked = true;

  static reg broadcast(float value) { return _mm512_set1_ps(value); }
  static reg add(reg a, reg b) { return _mm512_add_ps(a, b); }
  static reg subtract(reg a, reg b) { return _mm512_sub_ps(a, b); }
  static reg multiply(reg a, reg b) { return _mm512_mul_ps(a, b); }
  static reg min(reg a, reg b) { return _mm512_min_ps(a, b); }
  static reg max(reg a, reg b) { return _mm512_max_ps(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm512_fmadd_ps(a, b, c); }
  static reg fnma(reg a, reg b, reg c) { return _mm512_fnmadd_ps(a, b, c); }
  static float sum(reg a) { return _mm512_reduce_add_ps(a); }

  template <std::size_t Distance>
  static reg exchange(reg a) {
    static_assert(Distance == 1 || Distance == 2 || Distance == 4 || Distance == 8);
    if constexpr (Distance == 1) {
      return _mm512_permute_ps(a, 0xB1);
    } else if constexpr (Distance == 2) {
      return _mm512_permute_ps(a, 0x4E);
    } else if constexpr (Distance == 4) {
      return _mm512_shuffle_f32x4(a, a, 0xB1);
    } else {
      return _mm512_shuffle_f32x4(a, a, 0x4E);
    }
  }
  template <std::size_t Distance>
  static reg even_groups(reg a, reg b) {
    static_assert(Distance == 1 || Distance == 2 || Distance == 4 || Distance == 8);
    if constexpr (Distance == 1) {
      return _mm512_mask_permute_ps(a, 0xAAAA, b, 0xB1);
    } else if constexpr (Distance == 2) {
      return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    } else if constexpr (Distance == 4) {
      return _mm512_mask_shuffle_f32x4(a, 0xF0F0, b, b, 0xB1);
    } else {
      return _mm512_shuffle_f32x4(a, b, 0x44);
    }
  }
  template <std::size_t Distance>
  static reg odd_groups(reg a, reg b) {
    if constexpr (Distance == 1) {
      return _mm512_mask_permute_ps(b, 0x5555, a, 0xB1);
    } else if constexpr (Distance == 2) {
      return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    } else if constexpr (Distance == 4) {
      return _mm512_mask_shuffle_f32x4(b, 0x0F0F, a, a, 0xB1);
    } else {
      return _mm512_shuffle_f32x4(a, b, 0xEE);
    }
  }
  static reg with_signs(reg a, std::int8_t const* signs) {
    __m512i const wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(signs)));
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(a), wide,
                                                         _mm512_set1_epi32(static_cast<int>(0x80000000U)), 0x78));
  }

  static reg load(float const* from) { return _mm512_loadu_ps(from); }
  static void store(reg value, float* to) { _mm512_storeu_ps(to, value); }
  static reg load(float const* from, std::size_t count) { return _mm512_maskz_loadu_ps(first(count), from); }
  static void store(reg value, float* to, std::size_t count) { _mm512_mask_storeu_ps(to, first(count), value); }
  template <class T>
  static reg load(T const* from) {
    return widen<T>(_mm256_loadu_si256(reinterpret_cast<__m256i const*>(from)));
  }
  template <class T>
  static void store(reg value, T* to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrow<T>(value));
  }
  template <class T>
  static reg load(T const* from, std::size_t count) {
    return widen<T>(_mm256_maskz_loadu_epi16(first(count), from));
  }
  template <class T>
  static void store(reg value, T* to, std::size_t count) {
    _mm256_mask_storeu_epi16(to, first(count), narrow<T>(value));
  }

  /// The mask of the first `count` lanes. @pre count <= 16
  static __mmask16 first(std::size_t count) { return static_cast<__mmask16>((1U << count) - 1U); }

  template <class T>
  static reg widen(__m256i bits) {
    if constexpr (std::is_same_v<T, half>) {
      return _mm512_cvtph_ps(bits);
    } else {
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
    }
  }

  template <class T>
  static __m256i narrow(reg value) {
    if constexpr (std::is_same_v<T, half>) {
      return _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    } else {
      __m512i const bits = _mm512_castps_si512(value);
      __m512i const upper = _mm512_srli_epi32(bits, 16);
      __m512i const odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
      __m512i const rounded =
          _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
      __mmask16 const is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
      return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, is_nan, upper, _mm512_set1_epi32(0x40)));
    }
  }
};

template <>
struct float_registers<avx512_vnni> : float_registers<avx512> {};

template <>
struct double_registers<avx512> {
  using reg = __m512d;
  static constexpr std::size_t width = 8;

  static reg lower(__m512 a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
  static reg upper(__m512 a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
  static reg zero() { return _mm512_setzero_pd(); }
  static reg add(reg a, reg b) { return _mm512_add_pd(a, b); }
  static reg subtract(reg a, reg b) { return _mm512_sub_pd(a, b); }
  static reg fma(reg a, reg b, reg c) { return _mm512_fmadd_pd(a, b, c); }
  static void store(reg a, double* to) { _mm512_storeu_pd(to, a); }
};

template <>
struct double_registers<avx512_vnni> : double_registers<avx512> {};

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

template <>
struct sign_bits<avx512> : sign_bits<avx2> {};

template <>
struct sign_bits<avx512_vnni> : sign_bits<avx2> {};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#endif
