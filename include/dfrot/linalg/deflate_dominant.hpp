#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/subspace_iteration.hpp>

namespace dfrot {

namespace detail {

/// The matrix of subspace_iteration, on the host.
template <execution_policy P>
struct dominated_matrix {
  P const& on;
  matrix_view<double> c;

  [[nodiscard]] std::size_t order() const { return c.rows; }
  [[nodiscard]] double sum_of_squares() const { return as_eigen(c).squaredNorm(); }
  [[nodiscard]] matrix<double> times(matrix<double> const& rows) const {
    matrix<double> product(rows.rows(), c.columns);
    dense_product(on, 1.0, as_is(rows.view()), as_is(matrix_view<double const>(c)), 0.0, product.view());
    return product;
  }
  [[nodiscard]] matrix<double> times_transposed(matrix<double> const& rows) const {
    matrix<double> product(rows.rows(), c.rows);
    dense_product(on, 1.0, as_is(rows.view()), transposed(matrix_view<double const>(c)), 0.0, product.view());
    return product;
  }
  void subtract(matrix<double> const& left, matrix<double> const& right) const {
    dense_product(on, -1.0, transposed(left.view()), as_is(right.view()), 1.0, c);
  }
};

}  // namespace detail

/// Deflates the dominant singular values of C, 16 at most: lowers them to the root mean square rho of all others. The polar
/// factor stays as it is.
///   C = sum of s_i u_i v_i^T,   polar(C) = sum of u_i v_i^T:   C <- C - sum over s_i > 8 rho of (s_i - rho) u_i v_i^T
/// A few massive tokens make one singular value of a Procrustes matrix 10^5 times as large as most. A polar iteration raises
/// the small ones step by step. Without the large ones it needs fewer steps, and float32 is precise enough.
/// @param on where to run
/// @param c (n x n), finite, not rank-deficient: in a null space, what rounding has left in C would grow beside the rest.
/// Unchanged if no value dominates, if the squares of its elements overflow, and for n < 64.
/// @return the number of values lowered: those found to 1e-8 rho within 10 steps of subspace iteration
/// @post the polar factor has changed by about 1e-8 at most
/// Complexity: 64 n^2 operations a step, mostly 3 to 5 steps.   Workspace: 64 x n values, allocated.
/// Determinism: bitwise for any number of threads (with the built-in products).
/// Throws: std::invalid_argument on shape; std::bad_alloc.
/// Source: this library's; subspace iteration: Saad, "Numerical Methods for Large Eigenvalue Problems", chapter 5.
template <execution_policy P>
std::size_t deflate_dominant(P const& on, matrix_view<double> c) {
  check_shape("C", c, c.columns, c.columns);
  detail::dominated_matrix<P> here{on, c};
  return detail::subspace_iteration<detail::dominated_matrix<P>>(here).run();
}

}  // namespace dfrot
