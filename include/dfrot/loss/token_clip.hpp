#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// What all tokens are clipped to.
struct clip_range {
  double low = 0;
  double high = 0;
};

/// The extremes of each token, over calibration tokens that stream by: ranges that drop the tokens with the largest ones.
///   M_i = max_j x_ij,   m_i = min_j x_ij
/// For static scales of whole tensors: few tokens have extremes that stretch the range of all others.
/// Memory: 16 bytes a token.   Determinism: exact; any order of the tokens gives the same ranges.
/// Source: Wei et al. (Outlier Suppression), arXiv 2209.13325, section 4.2 (token-wise clipping, coarse stage).
class token_extremes {
 public:
  [[nodiscard]] DFROT_PER_ISA std::size_t tokens() const { return maxima_.size(); }

  /// Adds rows.   @param x (m x n), n >= 1, float, double, half or bfloat16   Complexity: O(m n).
  /// Throws: std::invalid_argument on shape, or for a value that is not finite, naming its row over all calls; nothing is added then.
  template <execution_policy P, storage S>
  void add(P const& on, matrix_view<S> x) {
    check_policy<host_space>(on);
    check_stride("calibration tokens", x);
    expects(x.columns >= 1, "tokens of no channels have no extremes");
    matrix_view<std::remove_const_t<S> const> const read = x;
    reject_non_finite(read, first_non_finite_row(read), tokens());
    std::size_t const before = tokens();
    maxima_.resize(before + x.rows);
    minima_.resize(before + x.rows);
    parallel_for(threads_of(on), x.rows, [&](std::size_t i) {
      auto low = load(read(i, 0));
      auto high = low;
      for (std::size_t j = 1; j < x.columns; ++j) {
        low = load(read(i, j)) < low ? load(read(i, j)) : low;
        high = load(read(i, j)) > high ? load(read(i, j)) : high;
      }
      minima_[before + i] = static_cast<double>(low);
      maxima_[before + i] = static_cast<double>(high);
    });
  }

  /// Adds the tokens of another part.
  DFROT_PER_ISA void combine(token_extremes const& other) {
    maxima_.insert(maxima_.end(), other.maxima_.begin(), other.maxima_.end());
    minima_.insert(minima_.end(), other.minima_.begin(), other.minima_.end());
  }

  /// The range of the share p of the tokens with the smallest extremes, each end for itself:
  ///   high = max {M_i : M_i <= the p-quantile of |M|},   low = min {m_i : m_i >= -(the p-quantile of |m|)}
  /// The quantile is number floor(p (tokens - 1)) in ascending order. p = 1 is min-max; no tokens have the range {0, 0}.
  /// Complexity: O(tokens log tokens).   Throws: std::invalid_argument unless 0 <= p <= 1; std::bad_alloc.
  [[nodiscard]] DFROT_PER_ISA clip_range range(double p) const {
    expects(p >= 0 && p <= 1, "a share of ", p, " of the tokens: it must be in [0, 1]");
    if (tokens() == 0) {
      return {};
    }
    double const up = quantile_of_magnitudes(maxima_, p);
    double const down = -quantile_of_magnitudes(minima_, p);
    clip_range result{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    for (std::size_t i = 0; i < tokens(); ++i) {  // one of each is within its quantile
      result.high = maxima_[i] <= up && maxima_[i] > result.high ? maxima_[i] : result.high;
      result.low = minima_[i] >= down && minima_[i] < result.low ? minima_[i] : result.low;
    }
    return result;
  }

 private:
  [[nodiscard]] DFROT_PER_ISA static double quantile_of_magnitudes(std::vector<double> values, double p) {
    for (double& each : values) {
      each = std::fabs(each);
    }
    // Compared by our own function for the reason given in max_to_median().
    std::sort(values.begin(), values.end(), [](double a, double b) { return a < b; });
    return values[static_cast<std::size_t>(std::floor(p * static_cast<double>(values.size() - 1)))];
  }

  std::vector<double> maxima_;
  std::vector<double> minima_;
};

/// Clips values, in place: x <- min(max(x, low), high).   Throws: std::invalid_argument on shape, or for low > high.
template <execution_policy P, storage T>
void clip_values(P const& on, clip_range const& range, matrix_view<T> x) {
  check_policy<host_space>(on);
  check_stride("activations", x);
  expects(range.low <= range.high, "clipping to ", range.low, " … ", range.high);
  parallel_for(threads_of(on), x.rows, [&](std::size_t i) {
    for (std::size_t j = 0; j < x.columns; ++j) {
      double const value = static_cast<double>(load(x(i, j)));
      if (value < range.low || value > range.high) {
        x(i, j) = store<T>(static_cast<arithmetic_t<T>>(value < range.low ? range.low : range.high));
      }
    }
  });
}

/// A share of the tokens and what it costs.
struct token_clip {
  double share = 1;
  clip_range range;
  double loss = 0;
};

/// Finds the share of the tokens whose range is best: p = 1, 1 - step, …, down to `least`, the first of equals.
/// @param loss loss(clip_range) -> double, such as the squared error of a layer's output with clipped and quantized inputs
/// @post never worse than min-max, p = 1   Throws: std::invalid_argument unless 0 < step and 0 <= least <= 1; what the loss throws.
/// Source: as token_extremes.
template <class Loss>
[[nodiscard]] DFROT_PER_ISA token_clip search_token_clip(token_extremes const& extremes, double step, double least,
                                                         Loss const& loss) {
  expects(step > 0 && least >= 0 && least <= 1, "search_token_clip: steps of ", step, " down to ", least,
          "; steps must be above 0, and the end in [0, 1]");
  token_clip best;
  for (std::size_t k = 0;; ++k) {
    double const share = 1 - static_cast<double>(k) * step;
    if (k > 0 && share < least - step * 1e-9) {
      return best;
    }
    auto const range = extremes.range(share < 0 ? 0 : share);
    double const found = loss(range);
    if (k == 0 || found < best.loss) {
      best = {share, range, found};
    }
  }
}

}  // namespace dfrot
