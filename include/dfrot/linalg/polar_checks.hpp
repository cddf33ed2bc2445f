#pragma once

#include <cstddef>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

// Checks of the operands of a polar factor. Internal to linalg.
namespace dfrot::detail {

/// Throws: std::invalid_argument naming the first element that is not finite.
template <class T, class Space>
void expects_finite(matrix_view<T, Space> c) {
  if (as_eigen(c).allFinite()) {
    return;
  }
  for (std::size_t i = 0; i < c.rows; ++i) {
    for (std::size_t j = 0; j < c.columns; ++j) {
      expects(is_finite(c(i, j)), "a matrix with the element ", c(i, j), " in row ", i, ", column ", j,
              " has no nearest orthogonal matrix");
    }
  }
}

/// Throws: std::invalid_argument naming the shapes, if they are not square and equal.
template <class C, class T, class Space>
void expects_square_pair(matrix_view<C, Space> c, matrix_view<T, Space> q) {
  expects(c.rows == c.columns && q.rows == c.rows && q.columns == c.columns, "the nearest orthogonal matrix of ",
          c.rows, " x ", c.columns, " does not exist or does not fit into ", q.rows, " x ", q.columns);
  check_stride("the matrix", c);
  check_stride("the nearest orthogonal matrix", q);
}

}  // namespace dfrot::detail
