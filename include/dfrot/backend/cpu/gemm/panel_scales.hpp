#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// Groups of channels whose scales are at hand at a time.
inline constexpr std::size_t scaled_groups = 16;

#if DFROT_CPU_AVX2
/// to(j, i) = from(i, j) for 8 rows and 8 columns: pairs, then quadruples, then halves of registers change places.
inline void transpose_8_by_8(matrix_view<float const> from, matrix_view<float> to) noexcept {
  __m256 rows[8];
  __m256 pairs[8];
  for (std::size_t i = 0; i < 8; ++i) {
    rows[i] = _mm256_loadu_ps(from.row(i));
  }
  for (std::size_t i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (std::size_t half = 0; half < 2; ++half) {  // columns 0, 1 and 4, 5; then 2, 3 and 6, 7
    __m256 const even_upper = _mm256_shuffle_ps(pairs[half], pairs[half + 2], 0x44);
    __m256 const odd_upper = _mm256_shuffle_ps(pairs[half], pairs[half + 2], 0xee);
    __m256 const even_lower = _mm256_shuffle_ps(pairs[half + 4], pairs[half + 6], 0x44);
    __m256 const odd_lower = _mm256_shuffle_ps(pairs[half + 4], pairs[half + 6], 0xee);
    _mm256_storeu_ps(to.row(2 * half), _mm256_permute2f128_ps(even_upper, even_lower, 0x20));
    _mm256_storeu_ps(to.row(2 * half + 1), _mm256_permute2f128_ps(odd_upper, odd_lower, 0x20));
    _mm256_storeu_ps(to.row(2 * half + 4), _mm256_permute2f128_ps(even_upper, even_lower, 0x31));
    _mm256_storeu_ps(to.row(2 * half + 5), _mm256_permute2f128_ps(odd_upper, odd_lower, 0x31));
  }
}
#endif

/// to(j, i) = from(i, j).
template <class Arch>
void transpose_floats(matrix_view<float const> from, matrix_view<float> to) noexcept {
#if DFROT_CPU_AVX2
  if constexpr (has<Arch, avx2>) {
    if (from.rows % 8 == 0 && from.columns % 8 == 0) {
      for (std::size_t i = 0; i < from.rows; i += 8) {
        for (std::size_t j = 0; j < from.columns; j += 8) {
          transpose_8_by_8({from.row(i) + j, 8, 8, from.row_stride}, {to.row(j) + i, 8, 8, to.row_stride});
        }
      }
      return;
    }
  }
#endif
  for (std::size_t i = 0; i < from.rows; ++i) {
    for (std::size_t j = 0; j < from.columns; ++j) {
      to(j, i) = from(i, j);
    }
  }
}

/// Scales of the weights stand channel by channel; a panel needs them group by group, and as floats: to(g, c) is the scale that
/// from(c, g) stands for. @pre at most a panel's channels and scaled_groups groups
template <class Arch, class Format>
void transpose_scales(Format const& format, matrix_view<typename Format::stored_scale const> from,
                      matrix_view<float> to) noexcept {
  if constexpr (Format::scales_as_stored) {
    transpose_floats<Arch>(from, to);
  } else {
    alignas(64) float scales[gemm_tile<Arch>::columns * scaled_groups];
    for (std::size_t c = 0; c < from.rows; ++c) {
      for (std::size_t g = 0; g < from.columns; ++g) {
        scales[c * scaled_groups + g] = format.scale(from(c, g));
      }
    }
    transpose_floats<Arch>({scales, from.rows, from.columns, scaled_groups}, to);
  }
}

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
