#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/registers.hpp>
#include <dfrot/core/numeric.hpp>

// Registers of 128 bits of 64-bit ARM.

#if DFROT_CPU_NEON

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

template <>
struct float_registers<neon> {
  using reg = float32x4_t;
  static constexpr std::size_t width = 4;
  static constexpr bool masked = false;

  static reg broadcast(float value) { return vdupq_n_f32(value); }
  static reg add(reg a, reg b) { return vaddq_f32(a, b); }
  static reg subtract(reg a, reg b) { return vsubq_f32(a, b); }
  static reg multiply(reg a, reg b) { return vmulq_f32(a, b); }
  static reg min(reg a, reg b) { return vminq_f32(a, b); }
  static reg max(reg a, reg b) { return vmaxq_f32(a, b); }
  static reg fma(reg a, reg b, reg c) { return vfmaq_f32(c, a, b); }
  static reg fnma(reg a, reg b, reg c) { return vfmsq_f32(c, a, b); }

  template <std::size_t Distance>
  static reg exchange(reg a) {
    static_assert(Distance == 1 || Distance == 2);
    if constexpr (Distance == 1) {
      return vrev64q_f32(a);
    } else {
      return vextq_f32(a, a, 2);
    }
  }
  template <std::size_t Distance>
  static reg even_groups(reg a, reg b) {
    static_assert(Distance == 1 || Distance == 2);
    if constexpr (Distance == 1) {
      return vtrn1q_f32(a, b);
    } else {
      return vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
    }
  }
  template <std::size_t Distance>
  static reg odd_groups(reg a, reg b) {
    if constexpr (Distance == 1) {
      return vtrn2q_f32(a, b);
    } else {
      return vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
    }
  }
  static reg with_signs(reg a, std::int8_t const* signs) {
    float sign[width];
    std::copy_n(signs, width, sign);
    return vmulq_f32(a, vld1q_f32(sign));
  }

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

template <>
struct double_registers<neon> {
  using reg = float64x2_t;
  static constexpr std::size_t width = 2;

  static reg lower(float32x4_t a) { return vcvt_f64_f32(vget_low_f32(a)); }
  static reg upper(float32x4_t a) { return vcvt_high_f64_f32(a); }
  static reg zero() { return vdupq_n_f64(0.0); }
  static reg add(reg a, reg b) { return vaddq_f64(a, b); }
  static reg subtract(reg a, reg b) { return vsubq_f64(a, b); }
  static reg fma(reg a, reg b, reg c) { return vfmaq_f64(c, a, b); }
  static void store(reg a, double* to) { vst1q_f64(to, a); }
};

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

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#endif
