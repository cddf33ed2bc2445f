#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/codes/int4_encode.hpp>
#include <dfrot/backend/cpu/codes/wide_pack.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// How the quantization of a row in many groups ended. `declined`: nothing but scales and zero points was written, and what
/// takes one group after the other has to do it.
enum class grouped_row : std::uint8_t { packed, not_finite, declined };

/// Whether group_quantizer takes rows of this kind: the groups of published models, in rows of a multiple of 128.
[[nodiscard]] inline bool suits_group_quantizer(int4_scheme const& scheme, std::size_t columns) {
  return scheme.group >= 32 && std::has_single_bit(scheme.group) && scheme.group < columns &&
         columns % scheme.group == 0 && columns % wide_block == 0 && scheme.scale == scale_rule::max &&
         scheme.reach() < 120;
}

/// Quantizes and packs a row whose groups are many and short: sixteen grids at once, one a lane, in place of one after the
/// other, whose two divisions and whose largest value, found across the lanes, cost more than its codes.
/// The grids are symmetric_grid() or asymmetric_grid() to the bit, and the codes those of wide_pack.
template <class Arch>
struct group_quantizer;

#if DFROT_CPU_AVX512

template <class Arch>
requires(has<Arch, avx512>) struct group_quantizer<Arch> {
  using lanes = float_lanes<avx512>;
  static constexpr std::size_t batch = 16;

  /// @param scheme suits_group_quantizer(scheme, columns)   @param scales, zero_points one a group; zero_points not used for a
  /// symmetric scheme   @param packed columns / 2 bytes   @param next_row brought to the cache meanwhile, or null
  template <storage T>
  [[nodiscard]] static grouped_row quantize(int4_scheme const& scheme, T const* row, std::size_t columns, float* scales,
                                            std::int8_t* zero_points, std::uint8_t* packed, T const* next_row) {
    if (!scheme.symmetric) {
      return quantize_as<false, true>(scheme, row, columns, scales, zero_points, packed, next_row);
    }
    return may_clip({}, scheme.reach())
               ? quantize_as<true, true>(scheme, row, columns, scales, zero_points, packed, next_row)
               : quantize_as<true, false>(scheme, row, columns, scales, zero_points, packed, next_row);
  }

 private:
  static __m512 floats(float value) { return _mm512_set1_ps(value); }

  /// Two registers whose lanes of 16 groups each are the largest: as unsigned and, for an asymmetric scheme, as signed numbers
  /// (see bit_range).
  struct ranges {
    __m512i as_unsigned;
    __m512i as_signed;
  };

  /// Sixteen registers to one, whose lane g is the largest of register g.
  template <class Larger>
  DFROT_CPU_INLINE static __m512i largest_of_each(__m512i const (&r)[batch], Larger const& larger) {
    __m512i four[4];  // lane 4 q + g: of quarter q of register 4 k + g
    detail::unroll<4>([&](auto k) DFROT_CPU_INLINE {
      auto const two = [&](std::size_t i) DFROT_CPU_INLINE {
        return larger(_mm512_unpacklo_epi32(r[i], r[i + 1]), _mm512_unpackhi_epi32(r[i], r[i + 1]));
      };
      __m512i const a = two(4 * k);
      __m512i const b = two(4 * k + 2);
      four[k] = larger(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    });
    auto const halve = [&](__m512i a, __m512i b) DFROT_CPU_INLINE {
      return larger(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
    };
    return halve(halve(four[0], four[1]), halve(four[2], four[3]));
  }

  /// The ranges of `count` groups, at most 16; those of the others are 0.
  template <bool Symmetric, storage T>
  DFROT_CPU_INLINE static ranges find_ranges(T const* x, std::size_t group, std::size_t count) {
    auto const larger = [](__m512i a, __m512i b) DFROT_CPU_INLINE { return _mm512_max_epu32(a, b); };
    auto const larger_signed = [](__m512i a, __m512i b) DFROT_CPU_INLINE { return _mm512_max_epi32(a, b); };
    __m512i by_bits[batch];
    __m512i by_value[batch];
    auto const scan = [&](std::size_t g) DFROT_CPU_INLINE {
      __m512i most = _mm512_setzero_si512();
      __m512i most_signed = most;
      for (std::size_t j = 0; j < group; j += 32) {
        detail::unroll<2>([&](auto half) DFROT_CPU_INLINE {
          __m512i bits = _mm512_castps_si512(lanes::load(x + g * group + j + 16 * half).raw());
          if constexpr (Symmetric) {
            bits = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
          } else {
            most_signed = larger_signed(most_signed, bits);
          }
          most = larger(most, bits);
        });
      }
      by_bits[g] = most;
      by_value[g] = most_signed;
    };
    if (count == batch) {
      detail::unroll<batch>([&](auto g) DFROT_CPU_INLINE { scan(g); });
    } else {
      for (std::size_t g = 0; g < batch; ++g) {
        by_bits[g] = by_value[g] = _mm512_setzero_si512();
        if (g < count) {
          scan(g);
        }
      }
    }
    ranges found{largest_of_each(by_bits, larger), _mm512_setzero_si512()};
    if constexpr (!Symmetric) {
      found.as_signed = largest_of_each(by_value, larger_signed);
    }
    return found;
  }

  /// Sixteen grids.
  struct grids {
    __m512 scale;
    __m512 inverse;
    __m512i zero_point;
    __mmask16 not_finite;
  };

  template <bool Symmetric>
  DFROT_CPU_INLINE static grids choose(ranges const& range, float clip) {
    DFROT_EXACT_MATH  // which reaches operators, and not the intrinsics that stand for them
        __m512 const zero = _mm512_setzero_ps();
    __m512 const ends[2] = {_mm512_castsi512_ps(range.as_unsigned), _mm512_castsi512_ps(range.as_signed)};
    grids chosen;
    __m512 low = zero;
    __m512 wanted;
    if constexpr (Symmetric) {
      wanted = floats(clip) * ends[0] / floats(7);
      chosen.not_finite = not_finite(range.as_unsigned);
    } else {
      low = _mm512_maskz_mul_ps(_mm512_cmp_ps_mask(ends[0], zero, _CMP_LT_OQ), floats(clip), ends[0]);
      __m512 const high = floats(clip) * ends[1];
      wanted = (high * floats(0.5F) - low * floats(0.5F)) / floats(7.5F);
      chosen.not_finite = not_finite(range.as_unsigned) | not_finite(range.as_signed);
    }
    __mmask16 const usable = _mm512_cmp_ps_mask(wanted, floats(dfrot::detail::smallest_normal<float>), _CMP_GE_OQ);
    chosen.scale = _mm512_mask_mov_ps(floats(1), usable, wanted);
    chosen.inverse = floats(1) / chosen.scale;
    // -low / scale is at most 15: the addition leaves no bit for its fraction.
    chosen.zero_point = _mm512_sub_epi32(_mm512_castps_si512(_mm512_fnmadd_ps(low, chosen.inverse, floats(0x1.8p23F))),
                                         _mm512_set1_epi32(0x4b400000));
    return chosen;
  }

  static __mmask16 not_finite(__m512i bits) {
    __m512i const magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(dfrot::detail::magnitude_mask<float>));
    return _mm512_cmpge_epu32_mask(magnitude, _mm512_set1_epi32(dfrot::detail::infinity_bits<float>));
  }

  template <bool Symmetric, bool Clamp, storage T>
  [[nodiscard]] static grouped_row quantize_as(int4_scheme const& scheme, T const* row, std::size_t columns,
                                               float* scales, std::int8_t* zero_points, std::uint8_t* packed,
                                               T const* next_row) {
    DFROT_EXACT_MATH
    std::size_t const group = scheme.group;
    std::size_t const groups = columns / group;
    auto const lanes_of = [groups](std::size_t first) {
      return static_cast<__mmask16>(groups - first < batch ? (1U << (groups - first)) - 1 : 0xffffU);
    };
    unsigned not_finite = 0;
    unsigned too_small = 0;
    for (std::size_t first = 0; first < groups; first += batch) {
      grids const chosen = choose<Symmetric>(
          find_ranges<Symmetric>(row + first * group, group, std::min(batch, groups - first)), scheme.clip);
      not_finite |= chosen.not_finite;
      too_small |= _mm512_cmp_ps_mask(chosen.inverse, floats(0x1p118F), _CMP_GE_OQ);  // see wide_pack::fits()
      _mm512_mask_storeu_ps(scales + first, lanes_of(first), chosen.scale);
      if constexpr (!Symmetric) {
        _mm512_mask_cvtepi32_storeu_epi8(zero_points + first, lanes_of(first), chosen.zero_point);
      }
    }
    if (not_finite != 0) [[unlikely]] {
      return grouped_row::not_finite;
    }
    if (too_small != 0) [[unlikely]] {
      return grouped_row::declined;
    }
    auto const log2_runs = static_cast<unsigned>(std::countr_zero(group / 32));
    for (std::size_t first = 0; first < groups; first += batch) {
      alignas(64) float inverse[batch];
      alignas(64) float inverse_256[batch];
      alignas(16) std::int8_t zeros[batch] = {};
      __m512 const reciprocal = floats(1) / _mm512_mask_loadu_ps(floats(1), lanes_of(first), scales + first);
      _mm512_store_ps(inverse, reciprocal);
      _mm512_store_ps(inverse_256, _mm512_mul_ps(reciprocal, floats(256)));
      if constexpr (!Symmetric) {
        std::copy_n(zero_points + first, std::min(batch, groups - first), zeros);
      }
      std::size_t const begin = first * group;
      std::size_t const end = std::min(columns, (first + batch) * group);
      for (std::size_t j = begin; j < end; j += wide_block) {
        if (next_row != nullptr) {
          prefetch<wide_block>(next_row + j);
        }
        wide_pack<Arch, 4> const pack((j - begin) / 32, log2_runs, inverse, inverse_256, zeros, Symmetric ? -8 : 0);
        pack.template pack<Clamp, !Symmetric>(row + j, packed + j / 2);
      }
    }
    return grouped_row::packed;
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
