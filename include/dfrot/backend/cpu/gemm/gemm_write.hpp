#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm/gemm_scales.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

// What becomes of the sums of a tile and a panel. A product visits, for each panel (output channels), runs of groups; for
// each of those, tiles (tokens); and for each of those, groups: begin_groups(), begin_tile(), take(), end_tile().

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
