#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/orthogonality.hpp>

namespace dfrot {

/// A rotation held as an n x n matrix: what a refinement returns, and what a random orthogonal start is.
///   apply: x <- x R,   apply_transpose: x <- x R^T, which undoes it
/// T is float or double. Has the members of randomized_hadamard that an optimizer needs: size, apply, apply_transpose.
template <dense_scalar T>
class dense_rotation {
 public:
  using value_type = T;
  static constexpr bool orthogonal = true;

  /// @param rotation (n x n) with R^T R = I, checked only under DFROT_AUDIT, to 1e-4
  /// Throws: std::invalid_argument if it is not square or empty.
  explicit dense_rotation(matrix<T> rotation) : rotation_(std::move(rotation)) {
    expects(rotation_.rows() == rotation_.columns() && rotation_.rows() >= 1, "a rotation is a square matrix, not ",
            rotation_.rows(), " x ", rotation_.columns());
#if DFROT_AUDIT
    struct one_thread {
      using memory_space = host_space;
    };
    double const distance = dfrot::orthogonality(one_thread{}, matrix_values());
    expects(distance < 1e-4, "a rotation with ||R^T R - I||_F / sqrt(n) = ", distance, " is not orthogonal");
#endif
  }

  [[nodiscard]] std::size_t size() const { return rotation_.rows(); }
  [[nodiscard]] matrix_view<T const> matrix_values() const { return rotation_.view(); }

  /// Rotates each row in place: x <- x R.
  /// @param on where to run   @param x (m x n), any m, row stride >= n
  /// Complexity: 2 m n^2 operations; workspace of 128 x n values a thread, allocated.
  /// Determinism: bitwise for any number of threads.   Throws: std::invalid_argument on shape; std::bad_alloc.
  template <execution_policy P>
  void apply(P const& on, matrix_view<T, typename P::memory_space> x) const {
    multiply_rows(on, x, as_is(matrix_values()));
  }

  /// Rotates each row back, in place: x <- x R^T. As apply() otherwise.
  template <execution_policy P>
  void apply_transpose(P const& on, matrix_view<T, typename P::memory_space> x) const {
    multiply_rows(on, x, transposed(matrix_values()));
  }

  /// ||R^T R - I||_F / sqrt(n), see dfrot::orthogonality().
  template <execution_policy P>
  [[nodiscard]] double orthogonality(P const& on) const {
    return dfrot::orthogonality(on, matrix_values());
  }

 private:
  template <execution_policy P, bool Transposed>
  void multiply_rows(P const& on, matrix_view<T, typename P::memory_space> x,
                     dense_factor<T, Transposed> rotation) const {
    check_policy<host_space>(on);
    expects(x.columns == size(), "a rotation of order ", size(), " cannot turn rows of ", x.columns, " values");
    check_stride("rows", x);
    constexpr std::size_t block = 128;
    parallel_products(on, detail::blocks_of(x.rows, block), [&](std::size_t i) {
      auto const rows = x.row_block(i * block, std::min(block, x.rows - i * block));
      // The product cannot be written over its factor, so each block has its own copy of the rows.
      dfrot::matrix<T> copy(rows.rows, rows.columns);
      as_eigen(copy.view()) = as_eigen(rows);
      dense_product(on, T(1), as_is(copy.view()), rotation, T(0), rows);
    });
  }

  dfrot::matrix<T> rotation_;
};

}  // namespace dfrot
