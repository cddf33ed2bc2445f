#pragma once

#include <cmath>
#include <cstddef>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/real_values.hpp>

namespace dfrot {

/// Multiplies each channel by a factor, as kernels see it: x <- x diag(f). Not a rotation: weights take 1 / f.
struct channel_scale_view {
  using memory_space = host_space;
  static constexpr bool orthogonal = false;

  real_values_view factors;  // one row
  real_values_view reciprocals;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return factors.in_double.columns; }
  [[nodiscard]] DFROT_PER_ISA constexpr channel_scale_view transposed() const { return *this; }
  [[nodiscard]] DFROT_PER_ISA constexpr channel_scale_view inverse_transposed() const { return {reciprocals, factors}; }
};

/// Multiplies each channel by a factor: x <- x diag(f), so that weights take diag(1 / f).
/// Precision: each value is rounded once; factors and reciprocals are rounded to float for rows that are not double.
/// Memory: 24 n bytes.    Complexity: n multiplications a row.
/// Throws: std::invalid_argument unless factors and their reciprocals are finite in float and not 0; std::bad_alloc.
class channel_scale {
 public:
  /// @param factors one row of n numbers
  DFROT_PER_ISA explicit channel_scale(matrix<double> factors)
      : factors_(std::move(factors)), reciprocals_(inverted(factors_.exact())) {}

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return factors_.exact().columns; }
  /// f
  [[nodiscard]] DFROT_PER_ISA vector_view<double const> factors() const { return {factors_.exact().data, size()}; }
  [[nodiscard]] DFROT_PER_ISA channel_scale_view view() const { return {factors_.view(), reciprocals_.view()}; }

 private:
  DFROT_PER_ISA static matrix<double> inverted(matrix_view<double const> factors) {
    expects(factors.rows == 1, "the factors of channels are one row, not ", factors.rows);
    matrix<double> result(1, factors.columns);
    for (std::size_t j = 0; j < factors.columns; ++j) {
      result(0, j) = 1 / factors(0, j);
      float const there = static_cast<float>(factors(0, j));
      float const back = static_cast<float>(result(0, j));
      expects(is_finite(there) && is_finite(back) && there != 0 && back != 0, "channel ", j, " has the factor ",
              factors(0, j), ": a factor and its reciprocal must be finite numbers of type float, and not 0");
    }
    return result;
  }

  real_values factors_;
  real_values reciprocals_;
};

/// Smoothing: makes large channels of activations smaller, and those of the weight larger.
///   x <- x diag(1 / s),   s_j = max(X_j^alpha / W_j^beta, 1e-5),   X_j, W_j the largest |x_j| and |w_j|
/// @param activations X (n), over calibration tokens    @param weights W (n), over all weights that read x
/// @param alpha, beta in [0, 1]: alpha 0 leaves activations as hard as they can be, 1 makes all their channels equal
/// A channel that is 0 in X or W stays as it is: s = 1.
/// Complexity: O(n).    Throws: std::invalid_argument on lengths, exponents, or a number that is negative or not finite.
/// Source: Xiao et al. (SmoothQuant), arXiv 2211.10438, equation 4; two exponents: Li et al. (SVDQuant), arXiv 2411.05007; the lower
/// bound: Lin et al. (DuQuant), arXiv 2406.01721.
[[nodiscard]] DFROT_PER_ISA inline channel_scale smoothing(vector_view<double const> activations,
                                                           vector_view<double const> weights, double alpha,
                                                           double beta) {
  expects(activations.size == weights.size, "smoothing of ", activations.size, " channels of activations and ",
          weights.size, " of weights");
  expects(alpha >= 0 && alpha <= 1, "smoothing with alpha ", alpha, ": it must be in [0, 1]");
  expects(beta >= 0 && beta <= 1, "smoothing with beta ", beta, ": it must be in [0, 1]");
  matrix<double> factors(1, activations.size);
  for (std::size_t j = 0; j < activations.size; ++j) {
    double const x = activations[j];
    double const w = weights[j];
    expects(is_finite(x) && is_finite(w) && x >= 0 && w >= 0, "smoothing: channel ", j, " has the magnitudes ", x,
            " and ", w, "; they must be finite and at least 0");
    double const scale = x > 0 && w > 0 ? std::pow(x, alpha) / std::pow(w, beta) : 1;
    factors(0, j) = 1 / (scale < 1e-5 ? 1e-5 : scale);
  }
  return channel_scale(std::move(factors));
}

/// The same with beta = 1 - alpha. @param alpha in [0, 1]
[[nodiscard]] DFROT_PER_ISA inline channel_scale smoothing(vector_view<double const> activations,
                                                           vector_view<double const> weights, double alpha = 0.5) {
  expects(alpha >= 0 && alpha <= 1, "smoothing with alpha ", alpha, ": it must be in [0, 1]");
  return smoothing(activations, weights, alpha, 1 - alpha);
}

}  // namespace dfrot
