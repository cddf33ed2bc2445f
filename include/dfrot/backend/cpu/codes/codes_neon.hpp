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

// Codes in registers of 64-bit ARM.

#if DFROT_CPU_NEON

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

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

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#endif
