#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/optimize/transforms/rotation_targets.hpp>
#include <dfrot/optimize/transforms/token_copy.hpp>
#include <dfrot/transform/check_orthogonal.hpp>
#include <dfrot/transform/rms_norm.hpp>

namespace dfrot {

namespace detail {

/// A Procrustes step: C <- keep C + Z^T B for the targets B of Z R, R <- polar(C), completed by R where C is singular.
/// @param z rows that R turns   @param target_of target_of(Z R, B) -> the objective before the step
template <class P, class TargetOf>
double procrustes_step(P const& on, matrix_view<double const> z, double keep, matrix<double>& sums,
                       matrix<double>& rotation, TargetOf const& target_of) {
  matrix<double> y(z.rows, z.columns);
  matrix<double> b(z.rows, z.columns);
  dense_product(on, 1.0, as_is(z), as_is(rotation.view()), 0.0, y.view());
  double const objective = target_of(std::as_const(y).view(), b.view());
  dense_product(on, 1.0, transposed(z), as_is(b.view()), keep, sums.view());
  matrix<double> next(rotation.rows(), rotation.columns());
  nearest_orthogonal(on, std::as_const(sums).view(), next.view(), std::as_const(rotation).view());
  std::swap(rotation, next);
  return objective;
}

/// Tokens in double, of the norm sqrt(n); tokens of zeros stay.
template <class P, class T>
[[nodiscard]] matrix<double> checked_tokens(P const& on, matrix_view<T> x, std::size_t channels) {
  check_policy<host_space>(on);
  check_shape("calibration tokens", x, x.rows, channels);
  matrix_view<std::remove_const_t<T> const> const read = x;
  reject_non_finite(read, first_non_finite_row(read));
  auto tokens = token_copy<double>(read);
  rms_norm(on, tokens.view(), 0);
  return tokens;
}

}  // namespace detail

/// A dense rotation that follows calibration tokens batch by batch, and keeps none of them: after each batch it is the orthogonal
/// matrix nearest to a sum over all batches.
///   C <- keep C + X^T B,   B the targets of X R,   R <- polar(C)
/// With corner_target this is ConQuR. Where to keep = 0, and all batches are the same tokens, it is an alternation, whose objective no step
/// raises (but for rounding, and for quantized_target).
/// Precision: all in double.   Memory: 2 n^2 doubles.
class target_rotation {
 public:
  /// @param start (n x n) orthogonal   Throws: std::invalid_argument if it is not.
  explicit target_rotation(matrix<double> start)
      : rotation_(std::move(start)), sums_(rotation_.rows(), rotation_.columns()) {
    detail::check_orthogonal("the start of a target rotation", std::as_const(rotation_).view());
  }

  [[nodiscard]] std::size_t size() const { return rotation_.rows(); }
  /// R (n x n), for dense_rotation.
  [[nodiscard]] matrix_view<double const> values() const { return rotation_.view(); }

  /// Takes a batch.
  /// @param on where to run (host)   @param x tokens (m x n), any m; zero tokens and no tokens change nothing
  /// @param keep in [0, 1]: the weight of the batches before
  /// @return the objective of the batch under R as it was   Complexity: 4 m n^2 operations and a polar factor; 3 m n doubles.
  /// Determinism: bitwise for any number of threads.
  /// Throws: std::invalid_argument on shape, keep, or a value that is not finite (naming its row); nothing changes then. std::bad_alloc.
  template <execution_policy P, storage T, rotation_target<P> Target>
  double add(P const& on, matrix_view<T> x, Target const& target, double keep = 1) {
    expects(keep >= 0 && keep <= 1, "a target rotation that keeps ", keep, " of its sums: it must be in [0, 1]");
    auto const z = detail::checked_tokens(on, x, size());
    return detail::procrustes_step(on, z.view(), keep, sums_, rotation_,
                                   [&](auto const& y, auto const& b) { return target(on, y, b); });
  }

 private:
  matrix<double> rotation_;
  matrix<double> sums_;
};

}  // namespace dfrot
