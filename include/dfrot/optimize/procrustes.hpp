#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>

namespace dfrot {

/// The orthogonal Procrustes problem with massive tokens weighted: which rotation brings Y nearest to B?
///   min over orthogonal Q of sum_i w_i^2 ||y_i Q - b_i||^2,   w_i = alpha for massive tokens, 1 for ordinary ones
/// is solved by the polar factor of C = sum_i w_i^2 y_i^T b_i = U S V^T:   Q = U V^T.
/// Tokens are added in blocks; only C is kept. Ordinary and massive tokens have a float64 sum each, joined at the end: their
/// weights differ by alpha^2 = 10^4, and massive tokens are nearly one vector, so that in one float32 sum the rounding of
/// its large part would drown the ordinary tokens.
/// Source: Schönemann, Psychometrika 31, 1966; weights: Xiang, Zhang, arXiv 2412.00648, section 3.
class weighted_procrustes {
 public:
  /// @param channels order n of the rotation   @param alpha weight of a massive token, finite, >= 0
  /// Memory: 2 n x n doubles.   Throws: std::invalid_argument on alpha; std::bad_alloc.
  weighted_procrustes(std::size_t channels, double alpha)
      : alpha_(alpha), ordinary_(channels, channels), massive_(channels, channels) {
    expects(std::isfinite(alpha) && alpha >= 0, "procrustes: alpha is ", alpha, "; it must be finite and at least 0");
  }

  /// Adds tokens of one kind: C += w^2 Y^T B.
  /// @param on where to run   @param massive the kind   @param y, b (m x n) float or double
  /// Complexity: 2 m n^2 operations in float64.   Determinism: bitwise for any thread count, for one order of the calls.
  template <execution_policy P, class T>
  void add(P const& on, bool massive, matrix_view<T> y, matrix_view<T> b) {
    multiply_transposed_accumulate(on, y, b, massive ? massive_.view() : ordinary_.view());
  }

  /// The best rotation for the tokens added so far; where they leave it open, the one nearest to the identity. Forgets them.
  /// @param on where to run   @param q (n x n), overwritten
  /// Complexity: a polar factor, O(n^3).   Throws: std::invalid_argument if C is not finite; std::bad_alloc.
  template <execution_policy P>
  void solve(P const& on, matrix_view<double> q) {
    std::size_t const size = ordinary_.rows() * ordinary_.columns();
    for (std::size_t i = 0; i < size; ++i) {
      ordinary_.data()[i] += alpha_ * alpha_ * massive_.data()[i];
    }
    nearest_orthogonal(on, ordinary_.view(), q);
    std::fill_n(ordinary_.data(), size, 0.0);
    std::fill_n(massive_.data(), size, 0.0);
  }

 private:
  double alpha_;
  matrix<double> ordinary_;
  matrix<double> massive_;
};

}  // namespace dfrot
