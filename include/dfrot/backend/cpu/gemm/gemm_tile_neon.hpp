#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/gemm/gemm_tile.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>

#if DFROT_CPU_NEON

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// 8 output channels in two registers. sdot adds a quad of products to each 32-bit lane; without it, products of bytes
/// are added in pairs, and then to 32 bits. 8 tokens: 16 sums of the 32 registers.
template <>
struct gemm_tile<neon> {
  static constexpr std::size_t columns = 8;
  static constexpr std::size_t rows = 8;

  /// Both operands are signed here.
  static constexpr bool signed_tables = true;

  template <class Codes, std::size_t Rows>
  static void dot(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                  std::int32_t const* start, std::int32_t* sums) noexcept {
    int32x4_t low[Rows];
    int32x4_t high[Rows];
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE { low[r] = high[r] = vdupq_n_s32(start[r]); });
    for (std::size_t q = 0; q < quads; ++q) {
      uint8x16_t const both = vld1q_u8(weights + 16 * q);
      int8x16_t const w_low = bytes_of<Codes>(vandq_u8(both, vdupq_n_u8(15)));
      int8x16_t const w_high = bytes_of<Codes>(vshrq_n_u8(both, 4));
      detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
        int8x16_t const x = vreinterpretq_s8_s32(vdupq_n_s32(detail::load_quad(activations + 4 * (Rows * q + r))));
        low[r] = add_quads<Codes>(low[r], w_low, x);
        high[r] = add_quads<Codes>(high[r], w_high, x);
      });
    }
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      vst1q_s32(sums + r * columns, low[r]);
      vst1q_s32(sums + r * columns + 4, high[r]);
    });
  }

 private:
  /// The bytes that nibbles stand for.
  template <class Codes>
  static int8x16_t bytes_of(uint8x16_t nibbles) noexcept {
    if constexpr (Codes::by_table) {
      return vqtbl1q_s8(vld1q_s8(Codes::integers.data()), nibbles);
    } else {
      return vreinterpretq_s8_u8(nibbles);
    }
  }

  template <class Codes>
  static int32x4_t add_quads(int32x4_t sums, int8x16_t w, int8x16_t x) noexcept {
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sums, w, x);
#else
    int16x8_t const first = vmull_s8(vget_low_s8(w), vget_low_s8(x));
    int16x8_t const second = vmull_high_s8(w, x);
    if constexpr (Codes::signed_pair_fits) {
      return vpadalq_s16(sums, vpaddq_s16(first, second));
    } else {
      return vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(first), vpaddlq_s16(second)));
    }
#endif
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
#endif
