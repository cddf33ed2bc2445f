#pragma once

#include <cmath>
#include <cstddef>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/products.hpp>

namespace dfrot {

/// Measures how far a square matrix is from being orthogonal, in float64.
///   ||R^T R - I||_F / sqrt(n)
/// 0 for an exact rotation, about 1e-7 for one that was rounded to float, 1 for R = 0, NaN if R holds a NaN.
/// @param on where to run   @param r (n x n), n at least 1
/// Complexity: 2 n^3 operations, n^2 doubles of workspace.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape; std::bad_alloc.
template <execution_policy P, dense_scalar T, class Space>
[[nodiscard]] double orthogonality(P const& on, matrix_view<T, Space> r) {
  check_policy<Space>(on);
  expects(r.rows == r.columns && r.rows >= 1, "orthogonality is a property of square matrices, not of ", r.rows, " x ",
          r.columns);
  matrix<double> difference(r.rows, r.rows);
  for (std::size_t i = 0; i < r.rows; ++i) {
    difference(i, i) = -1.0;
  }
  multiply_transposed_accumulate(on, r, r, difference.view());
  double sum = 0;
  for (std::size_t i = 0; i < r.rows * r.rows; ++i) {
    sum += difference.data()[i] * difference.data()[i];
  }
  return std::sqrt(sum / static_cast<double>(r.rows));
}

}  // namespace dfrot
