#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/linalg/cholesky.hpp>
#include <dfrot/linalg/dense_scalar.hpp>

namespace dfrot {

/// Factors a symmetric positive definite matrix from its last row upwards, in place:
///   H = A A^T,   A upper triangular with a positive diagonal
/// A^-1 is the upper Cholesky factor of H^-1, without an inverse of anything. It is the Cholesky factor of the matrix with its rows and
/// columns reversed, reversed.
/// @param on where to run (host)   @param h (n x n): read above and on the diagonal, which become A; what is below is lost
/// @return false, with h lost, where H is not positive definite to rounding
/// Complexity: n^3 / 3 operations; workspace of n x 64 values.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument for a matrix that is not square; std::bad_alloc.
template <execution_policy P, dense_scalar T>
[[nodiscard]] bool upper_factor(P const& on, matrix<T>& h) {
  check_policy<host_space>(on);
  expects(h.rows() == h.columns(), "a symmetric matrix is square, not ", h.rows(), " x ", h.columns());
  T* const end = h.data() + h.rows() * h.columns();
  std::reverse(h.data(), end);
  detail::cholesky_factor<T> lower(h.view());
  if (!lower.try_factor(on)) {
    return false;
  }
  std::reverse(h.data(), end);
  return true;
}

}  // namespace dfrot
