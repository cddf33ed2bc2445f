#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// How many values lie before the next address that is a multiple of Bytes; 0 if they reach none. Registers that lie
/// across two cache lines take twice as long to move.
template <std::size_t Bytes, class T>
[[nodiscard]] std::size_t values_before_boundary(T const* values) {
  std::size_t const behind = reinterpret_cast<std::uintptr_t>(values) % Bytes;
  return behind % sizeof(T) == 0 ? (Bytes - behind) % Bytes / sizeof(T) : 0;
}

/// Moves one register of floats from and to memory, where values are float, half or bfloat16.
/// Conversions give the bits of core/numeric.hpp, but for a signalling NaN in half, which comes out quiet.
/// No alignment is asked for. masked: load and store exist for the first `count` lanes, too, and touch no other memory;
/// lanes that are not loaded are 0.
template <class Arch>
struct lane_memory;

#if DFROT_CPU_AVX2

template <>
struct lane_memory<avx2> {
  using reg = __m256;
  static constexpr std::size_t width = 8;
  static constexpr bool masked = false;

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

#endif

#if DFROT_CPU_AVX512

template <>
struct lane_memory<avx512> {
  using reg = __m512;
  static constexpr std::size_t width = 16;
  static constexpr bool masked = true;

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
struct lane_memory<avx512_vnni> : lane_memory<avx512> {};

#endif

#if DFROT_CPU_NEON

template <>
struct lane_memory<neon> {
  using reg = float32x4_t;
  static constexpr std::size_t width = 4;
  static constexpr bool masked = false;

  static reg load(float const* from) { return vld1q_f32(from); }
  static void store(reg value, float* to) { vst1q_f32(to, value); }
  static reg load(half const* from) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(&from->bits))); }
  static void store(reg value, half* to) { vst1_u16(&to->bits, vreinterpret_u16_f16(vcvt_f16_f32(value))); }
  static reg load(bfloat16 const* from) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(&from->bits), 16)); }

  static void store(reg value, bfloat16* to) {
    uint32x4_t const bits = vreinterpretq_u32_f32(value);
    uint32x4_t const upper = vshrq_n_u32(bits, 16);
    uint32x4_t const odd = vandq_u32(upper, vdupq_n_u32(1));
    uint32x4_t const rounded = vshrq_n_u32(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), 16);
    uint32x4_t const is_number = vceqq_f32(value, value);
    vst1_u16(&to->bits, vmovn_u32(vbslq_u32(is_number, rounded, vorrq_u32(upper, vdupq_n_u32(0x40)))));
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
