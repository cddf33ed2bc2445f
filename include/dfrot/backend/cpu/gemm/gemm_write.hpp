#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm/panel_scales.hpp>
#include <dfrot/backend/cpu/gemm/result_rows.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/product_groups.hpp>
#include <dfrot/quantize/product_operands.hpp>
#include <dfrot/quantize/product_output.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// What becomes of the sums of tiles (tokens) and panels (output channels). A product visits panels; for each, runs of
/// scaled_groups groups (the last may have fewer); for each of those, tiles; and for each of those, groups. A thread's writer
/// is told of each:
///   begin_groups(channels, groups)   a panel, and a run of its groups
///   begin_tile(tokens)               a tile, for that run
///   take(group, sums)                the exact sums of one group: those of a token are gemm_tile<Arch>::columns apart
///   end_tile()                       no more groups of the run
///   tile_by_tile                     true if all runs of a tile have to follow each other, at the cost of more begin_groups()
/// A copy is a writer for another thread.
template <class W>
concept tile_writer = std::copy_constructible<W> &&
    requires(W& write, index_range indices, std::size_t group, std::int32_t const* sums) {
  { W::tile_by_tile } -> std::convertible_to<bool>;
  write.begin_groups(indices, indices);
  write.begin_tile(indices);
  write.take(group, sums);
  write.end_tile();
};

/// What integer_gemm() does: writes them.
template <class Arch>
class write_sums {
 public:
  static constexpr bool tile_by_tile = false;

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
/// to group: in the output, rows may lie such that they push each other out of the cache. From run to run they are put aside
/// in the output, if that is one of floats whose values do not count.
template <class Arch, class X, class W, class Out>
class write_scaled {
 public:
  static constexpr bool tile_by_tile = !std::is_same_v<Out, matrix_view<float>>;

  write_scaled(product_groups const& groups, product_activations<X> const& x, W const& weight_format,
               matrix_view<typename W::stored_scale const> weight_scales, Out const& output) noexcept
      : groups_(groups),
        x_format_(x.format),
        w_format_(weight_format),
        x_scales_(x.scales),
        w_scales_(weight_scales),
        out_(output) {
    std::iota(x_group_, x_group_ + scaled_groups, 0U);
    std::iota(w_group_, w_group_ + scaled_groups, 0U);
  }

  void begin_groups(index_range channels, index_range groups) noexcept {
    channels_ = channels;
    run_ = groups;
    index_range const x_groups =
        groups_.activation_ratio == 1 ? groups : larger_groups(groups, groups_.activation_ratio, x_group_);
    index_range const w_groups =
        groups_.weight_ratio == 1 ? groups : larger_groups(groups, groups_.weight_ratio, w_group_);
    first_x_group_ = x_groups.first;
    transpose_scales<Arch>(
        w_format_,
        {w_scales_.row(channels.first) + w_groups.first, channels.count, w_groups.count, w_scales_.row_stride},
        {panel_scales_, scaled_groups, columns});
  }

  void begin_tile(index_range tokens) noexcept {
    tokens_ = tokens;
    tile_scales_ = x_scales_.row(tokens.first) + first_x_group_;
    if constexpr (!tile_by_tile) {
      for (std::size_t r = 0; run_.first > 0 && r < tokens.count; ++r) {
        std::copy_n(out_.row(tokens.first + r) + channels_.first, channels_.count, results_ + r * columns);
      }
    }
  }

  void take(std::size_t group, std::int32_t const* sums) noexcept {
    float const* const scales = panel_scales_ + w_group_[group % scaled_groups] * columns;
    auto const* x_scales = tile_scales_ + x_group_[group % scaled_groups];
    std::size_t const stride = x_scales_.row_stride;
    for (std::size_t r = 0; r < tokens_.count; ++r, x_scales += stride) {
      float const x_scale = x_format_.scale(*x_scales);
      if (group == 0) {
        scale_row(sums + r * columns, x_scale, scales, results_ + r * columns);
      } else {
        add_scaled_row(sums + r * columns, x_scale, scales, results_ + r * columns);
      }
    }
  }

  void end_tile() noexcept {
    if (tile_by_tile && run_.first + run_.count < groups_.count) {
      return;
    }
    for (std::size_t r = 0; r < tokens_.count; ++r) {
      write_row(results_ + r * columns, out_, tokens_.first + r);
    }
  }

 private:
  static constexpr std::size_t columns = gemm_tile<Arch>::columns;

  /// The groups of one side that some groups of the product lie in, and which of those each has: groups / ratio, with one
  /// division, since this comes once a panel and run. Where the ratio is 1, those are 0, 1, … from the start.
  DFROT_CPU_APART static index_range larger_groups(index_range groups, std::size_t ratio, unsigned* which) noexcept {
    std::size_t const first = groups.first / ratio;
    unsigned index = 0;
    for (std::size_t g = 0, left = (first + 1) * ratio - groups.first; g < groups.count; ++g, --left) {
      if (left == 0) {
        ++index;
        left = ratio;
      }
      which[g] = index;
    }
    return {first, index + std::size_t{1}};
  }

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
  template <class T>
  void write_row(float const* results, matrix_view<T> const& out, std::size_t row) const noexcept {
    put_results<Arch, columns>(results, channels_.count, out.row(row) + channels_.first);
  }
  template <class T>
  void write_row(float* results, added_output<T> const& out, std::size_t row) const noexcept {
    add_results<Arch, columns>(results, channels_.count, out.sums.row(row) + channels_.first);
  }

  product_groups groups_;
  X x_format_;
  W w_format_;
  matrix_view<typename X::stored_scale const> x_scales_;
  matrix_view<typename W::stored_scale const> w_scales_;
  Out out_;
  index_range channels_;
  index_range tokens_;
  index_range run_;
  std::size_t first_x_group_ = 0;
  typename X::stored_scale const* tile_scales_ = nullptr;  ///< of the tile's first token, in the run's first group
  unsigned x_group_[scaled_groups];                        ///< for each group of the run, counted from first_x_group_
  unsigned w_group_[scaled_groups];                        ///< the same for weights: where they are in panel_scales_
  alignas(64) float panel_scales_[scaled_groups * columns] = {};
  alignas(64) float results_[gemm_tile<Arch>::rows * columns] = {};
};

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
