#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/symmetric.hpp>

// Z = L L^T and solutions with it, cut in halves down to blocks of 64, so that nearly all work is in dense_product().
// Internal to linalg.
namespace dfrot::detail {

inline constexpr std::size_t triangle_block = 64;

/// Where to cut a range: at about half of it, on the boundary of a block.
[[nodiscard]] constexpr std::size_t half_of(std::size_t count) {
  return blocks_of(count / 2, triangle_block) * triangle_block;
}

/// A Cholesky factor in the lower triangle of its user's matrix, with the inverses of its diagonal blocks.
/// Elements above the diagonal are not read; some of them are overwritten.
template <class T>
class cholesky_factor {
 public:
  explicit cholesky_factor(matrix_view<T> lower) : l_(lower), inverses_(lower.rows, triangle_block) {}

  /// Factors the matrix in the lower triangle, in place. @pre positive definite
  /// Complexity: n^3 / 3 operations.   Determinism: bitwise for any number of threads.
  /// Throws: std::invalid_argument if it is not positive definite.
  template <execution_policy P>
  void factor(P const& on) {
    expects(try_factor(on), "a matrix with the pivot ", bad_pivot_, " in row ", bad_row_, " is not positive definite");
  }

  /// The same, but returns false if it is not positive definite.
  template <execution_policy P>
  [[nodiscard]] bool try_factor(P const& on) {
    return factor_range(on, 0, l_.rows);
  }

  /// Y <- Y Z^-1 = Y L^-T L^-1 for the rows of y.   Complexity: 2 m n^2 operations; workspace of m x 64 values.
  template <execution_policy P>
  void solve(P const& on, matrix_view<T> y) const {
    matrix<T> scratch(y.rows, triangle_block);
    forward(on, y, 0, l_.rows, scratch.view());
    backward(on, y, 0, l_.rows, scratch.view());
  }

  /// v <- Z^-1 v, on the thread that calls.
  void solve(Eigen::Matrix<T, Eigen::Dynamic, 1>& v) const {
    auto const l = as_eigen(matrix_view<T const>(l_));
    for (Eigen::Index i = 0; i < v.size(); ++i) {
      v[i] = (v[i] - l.row(i).head(i).dot(v.head(i))) / l(i, i);
    }
    for (Eigen::Index i = v.size() - 1; i >= 0; --i) {
      v[i] /= l(i, i);
      v.head(i) -= v[i] * l.row(i).head(i).transpose();
    }
  }

 private:
  [[nodiscard]] matrix_view<T const> inverse(std::size_t first, std::size_t count) const {
    return block_of(inverses_.view(), first, 0, count, count);
  }

  /// The diagonal block first .. first + count - 1, row by row, and the inverse of its factor.
  [[nodiscard]] bool factor_block(std::size_t first, std::size_t count) {
    auto a = as_eigen(block_of(l_, first, first, count, count));
    auto inverse = as_eigen(block_of(inverses_.view(), first, 0, count, count));
    inverse.setZero();
    for (Eigen::Index i = 0; i < a.rows(); ++i) {
      for (Eigen::Index j = 0; j < i; ++j) {
        a(i, j) = (a(i, j) - a.row(i).head(j).dot(a.row(j).head(j))) / a(j, j);
      }
      T const pivot = a(i, i) - a.row(i).head(i).squaredNorm();
      if (!(pivot > T(0))) {
        bad_pivot_ = pivot;
        bad_row_ = first + static_cast<std::size_t>(i);
        return false;
      }
      a(i, i) = std::sqrt(pivot);
      inverse(i, i) = T(1) / a(i, i);
      for (Eigen::Index k = 0; k < i; ++k) {
        inverse.row(i).head(i) -= a(i, k) * inverse.row(k).head(i);
      }
      inverse.row(i).head(i) *= inverse(i, i);
    }
    return true;
  }

  template <execution_policy P>
  [[nodiscard]] bool factor_range(P const& on, std::size_t first, std::size_t count) {
    if (count <= triangle_block) {
      return factor_block(first, count);
    }
    std::size_t const half = half_of(count);
    if (!factor_range(on, first, half)) {
      return false;
    }
    auto const below = block_of(l_, first + half, first, count - half, half);
    parallel_products(on, blocks_of(below.rows, solve_rows<P>), [&](std::size_t i) {
      std::size_t const row = i * solve_rows<P>;
      std::size_t const rows = std::min(solve_rows<P>, below.rows - row);
      matrix<T> scratch(rows, triangle_block);
      forward(on, block_of(l_, first + half + row, 0, rows, first + half), first, half, scratch.view());
    });
    symmetric_product<false>(on, T(-1), matrix_view<T const>(below), T(1),
                             block_of(l_, first + half, first + half, count - half, count - half));
    return factor_range(on, first + half, count - half);
  }

  /// Y <- Y L^-T within columns first .. first + count - 1.
  template <execution_policy P>
  void forward(P const& on, matrix_view<T> y, std::size_t first, std::size_t count, matrix_view<T> scratch) const {
    auto const columns = column_block(y, first, count);
    if (count <= triangle_block) {
      auto const copy = column_block(scratch, 0, count);
      as_eigen(copy) = as_eigen(columns);
      dense_product(on, T(1), as_is(copy), transposed(inverse(first, count)), T(0), columns);
      return;
    }
    std::size_t const half = half_of(count);
    forward(on, y, first, half, scratch);
    dense_product(on, T(-1), as_is(column_block(columns, 0, half)),
                  transposed(block_of(l_, first + half, first, count - half, half)), T(1),
                  column_block(columns, half, count - half));
    forward(on, y, first + half, count - half, scratch);
  }

  /// Y <- Y L^-1 within columns first .. first + count - 1.
  template <execution_policy P>
  void backward(P const& on, matrix_view<T> y, std::size_t first, std::size_t count, matrix_view<T> scratch) const {
    auto const columns = column_block(y, first, count);
    if (count <= triangle_block) {
      auto const copy = column_block(scratch, 0, count);
      as_eigen(copy) = as_eigen(columns);
      dense_product(on, T(1), as_is(copy), as_is(inverse(first, count)), T(0), columns);
      return;
    }
    std::size_t const half = half_of(count);
    backward(on, y, first + half, count - half, scratch);
    dense_product(on, T(-1), as_is(column_block(columns, half, count - half)),
                  as_is(block_of(l_, first + half, first, count - half, half)), T(1), column_block(columns, 0, half));
    backward(on, y, first, half, scratch);
  }

  matrix_view<T> l_;
  matrix<T> inverses_;
  T bad_pivot_ = 0;
  std::size_t bad_row_ = 0;
};

}  // namespace dfrot::detail
