#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/channel_stats.hpp>
#include <dfrot/optimize/transforms/greedy_block_rotation.hpp>
#include <dfrot/optimize/transforms/token_copy.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/block_rotation.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <dfrot/transform/permutation.hpp>
#include <dfrot/transform/transform.hpp>
#include <dfrot/transform/zigzag.hpp>

namespace dfrot {

/// Settings of both forms.
struct duquant_options {
  double alpha = 0.5;       ///< of the smoothing, see smoothing()
  std::size_t steps = 256;  ///< of a greedy rotation
};

/// Smoothing and one block rotation: x <- x diag(1 / s) (I (x) R). Made by duquant_once().
class smoothed_rotation {
 public:
  /// Throws: std::invalid_argument if the two have different sizes.
  smoothed_rotation(channel_scale scale, block_rotation rotation)
      : scale_(std::move(scale)), rotation_(std::move(rotation)) {
    static_cast<void>(view());
  }

  [[nodiscard]] std::size_t size() const { return rotation_.size(); }
  [[nodiscard]] channel_scale const& scale() const { return scale_; }
  [[nodiscard]] block_rotation const& rotation() const { return rotation_; }
  [[nodiscard]] chain<channel_scale_view, block_rotation_view> view() const { return chain_of(scale_, rotation_); }

 private:
  channel_scale scale_;
  block_rotation rotation_;
};

/// Smoothing, a block rotation, a zigzag permutation, and another block rotation. Made by duquant().
class dual_rotation {
 public:
  /// Throws: std::invalid_argument if the parts have different sizes.
  dual_rotation(smoothed_rotation first, permutation order, block_rotation second)
      : first_(std::move(first)), order_(std::move(order)), second_(std::move(second)) {
    static_cast<void>(view());
  }

  [[nodiscard]] std::size_t size() const { return second_.size(); }
  [[nodiscard]] smoothed_rotation const& first() const { return first_; }
  [[nodiscard]] permutation const& order() const { return order_; }
  [[nodiscard]] block_rotation const& second() const { return second_; }
  [[nodiscard]] chain<channel_scale_view, block_rotation_view, permutation_view, block_rotation_view> view() const {
    return chain_of(first_.scale(), first_.rotation(), order_, second_);
  }

 private:
  smoothed_rotation first_;
  permutation order_;
  block_rotation second_;
};

namespace detail {

/// The largest |x| of each channel.
template <class P, class T>
[[nodiscard]] std::vector<double> channel_maxima(P const& on, matrix_view<T> x) {
  channel_stats stats(x.columns);
  stats.add(on, x);
  return stats.absmax();
}

}  // namespace detail

/// Finds DuQuant's transform with one rotation, for formats whose scales are for blocks of B channels (DuQuant++: B = 32 for MXFP4):
///   x <- x diag(1 / s) (I (x) R)
/// @param on where to run (host)   @param x calibration tokens (m x n), not changed
/// @param weights the largest |w_j| (n) over all weights that read x, such as channel_stats::absmax(); empty: no smoothing
/// @param base see greedy_block_rotation(); its order is that of the blocks
/// Complexity: that of greedy_block_rotation().   Determinism: as there.
/// Throws: std::invalid_argument as smoothing() and greedy_block_rotation(), and block_rotation for blocks of more than 1024;
/// std::bad_alloc.   Source: Lin et al. (DuQuant++), arXiv 2604.17789.
template <execution_policy P, storage T>
[[nodiscard]] smoothed_rotation duquant_once(P const& on, matrix_view<T> x, vector_view<double const> weights,
                                             matrix_view<double const> base, duquant_options const& options = {}) {
  check_stride("calibration tokens", x);
  auto const maxima = detail::channel_maxima(on, x);
  std::vector<double> const ones(weights.size == 0 ? x.columns : 0, 1.0);
  vector_view<double const> const all(ones.data(), ones.size());
  channel_scale scale =
      weights.size == 0 ? smoothing(all, all) : smoothing({maxima.data(), maxima.size()}, weights, options.alpha);
  auto y = detail::token_copy<arithmetic_t<T>>(x);
  apply(on, scale, y.view());
  return {std::move(scale), block_rotation(x.columns, greedy_block_rotation(on, y.view(), base, options.steps).block)};
}

/// Finds DuQuant's transform: what one rotation spreads over a block, the permutation and the other one spread over the row.
///   x <- x diag(1 / s) (I (x) R_1) P (I (x) R_2),   P a zigzag by the largest |x| of each channel after R_1
/// Arguments and errors as duquant_once(); each rotation is searched for with the same base.
/// Complexity: twice that of greedy_block_rotation().   Source: Lin et al. (DuQuant), arXiv 2406.01721, section 3.
template <execution_policy P, storage T>
[[nodiscard]] dual_rotation duquant(P const& on, matrix_view<T> x, vector_view<double const> weights,
                                    matrix_view<double const> base, duquant_options const& options = {}) {
  auto first = duquant_once(on, x, weights, base, options);
  auto y = detail::token_copy<arithmetic_t<T>>(x);
  apply(on, first, y.view());
  auto const maxima = detail::channel_maxima(on, y.view());
  auto order = zigzag(vector_view<double const>(maxima.data(), maxima.size()), base.rows);
  apply(on, order, y.view());
  block_rotation second(x.columns, greedy_block_rotation(on, y.view(), base, options.steps).block);
  return {std::move(first), std::move(order), std::move(second)};
}

}  // namespace dfrot
