#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/core/view.hpp>

#if DFROT_CPU_AVX2
#include <immintrin.h>
#endif

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// Groups of channels whose scales are at hand at a time.
inline constexpr std::size_t scaled_groups = 16;

/// What becomes of the sums of tiles (tokens) and panels (output channels). A product visits panels; for each, runs of at
/// most scaled_groups groups; for each of those, tiles; and for each of those, groups. A thread's writer is told of each:
///   begin_groups(channels, groups)   a panel, and a run of its groups
///   begin_tile(tokens)               a tile, for that run
///   take(group, sums)                the exact sums of one group, gemm_tile<Arch>::columns apart
///   end_tile()                       no more groups of the run
/// A copy is a writer for another thread.
template <class W>
concept tile_writer = std::copy_constructible<W> &&
    requires(W& write, index_range indices, std::size_t group, std::int32_t const* sums) {
  write.begin_groups(indices, indices);
  write.begin_tile(indices);
  write.take(group, sums);
  write.end_tile();
};

/// to(j, i) = from(i, j) for some rows and columns.
inline void transpose_scalars(matrix_view<float const> from, matrix_view<float> to) noexcept {
  for (std::size_t i = 0; i < from.rows; ++i) {
    for (std::size_t j = 0; j < from.columns; ++j) {
      to(j, i) = from(i, j);
    }
  }
}

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

/// Scales of the weights stand channel by channel; a panel needs them group by group: to(g, c) = from(c, g).
template <class Arch>
void transpose_scales(matrix_view<float const> from, matrix_view<float> to) noexcept {
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
  transpose_scalars(from, to);
}

/// What integer_gemm() does: writes them.
template <class Arch>
class write_sums {
 public:
  explicit write_sums(matrix_view<std::int32_t> output) noexcept : out_(output) {}

  void begin_groups(index_range channels, index_range /*groups*/) noexcept { channels_ = channels; }
  void begin_tile(index_range tokens) noexcept { tokens_ = tokens; }
  void take(std::size_t /*group*/, std::int32_t const* sums) const noexcept {
    for (std::size_t r = 0; r < tokens_.count; ++r) {
      std::copy_n(sums + r * gemm_tile<Arch>::columns, channels_.count, out_.row(tokens_.first + r) + channels_.first);
    }
  }
  void end_tile() const noexcept {}

 private:
  matrix_view<std::int32_t> out_;
  index_range channels_;
  index_range tokens_;
};

/// What gemm() does: scales the first group's, and adds each further one's. Results of one tile are kept here from group
/// to group: in the output, rows may lie such that they push each other out of the cache.
template <class Arch>
class write_scaled {
 public:
  write_scaled(matrix_view<float const> activation_scales, matrix_view<float const> weight_scales,
               matrix_view<float> output) noexcept
      : x_scales_(activation_scales), w_scales_(weight_scales), out_(output) {}

  void begin_groups(index_range channels, index_range groups) noexcept {
    channels_ = channels;
    first_group_ = groups.first;
    transpose_scales<Arch>(
        {w_scales_.row(channels.first) + groups.first, channels.count, groups.count, w_scales_.row_stride},
        {panel_scales_, scaled_groups, columns});
  }

  void begin_tile(index_range tokens) noexcept {
    tokens_ = tokens;
    for (std::size_t r = 0; first_group_ > 0 && r < tokens.count; ++r) {
      std::copy_n(out_.row(tokens.first + r) + channels_.first, channels_.count, results_ + r * columns);
    }
  }

  void take(std::size_t group, std::int32_t const* sums) noexcept {
    float const* const scales = panel_scales_ + (group - first_group_) * columns;
    for (std::size_t r = 0; r < tokens_.count; ++r) {
      float const x_scale = x_scales_(tokens_.first + r, group);
      if (group == 0) {
        scale_row(sums + r * columns, x_scale, scales, results_ + r * columns);
      } else {
        add_scaled_row(sums + r * columns, x_scale, scales, results_ + r * columns);
      }
    }
  }

  void end_tile() const noexcept {
    for (std::size_t r = 0; r < tokens_.count; ++r) {
      std::copy_n(results_ + r * columns, channels_.count, out_.row(tokens_.first + r) + channels_.first);
    }
  }

 private:
  static constexpr std::size_t columns = gemm_tile<Arch>::columns;

  static void scale_row(std::int32_t const* __restrict sums, float x_scale, float const* __restrict scales,
                        float* __restrict results) noexcept {
    DFROT_EXACT_MATH
    for (std::size_t c = 0; c < columns; ++c) {
      results[c] = static_cast<float>(sums[c]) * (x_scale * scales[c]);
    }
  }
  static void add_scaled_row(std::int32_t const* __restrict sums, float x_scale, float const* __restrict scales,
                             float* __restrict results) noexcept {
    DFROT_EXACT_MATH
    for (std::size_t c = 0; c < columns; ++c) {
      results[c] = std::fma(static_cast<float>(sums[c]), x_scale * scales[c], results[c]);
    }
  }

  matrix_view<float const> x_scales_;
  matrix_view<float const> w_scales_;
  matrix_view<float> out_;
  index_range channels_;
  index_range tokens_;
  std::size_t first_group_ = 0;
  alignas(64) float panel_scales_[scaled_groups * columns] = {};
  alignas(64) float results_[gemm_tile<Arch>::rows * columns] = {};
};

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
