#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/linalg/detail/serial_eigen.hpp>

// All dense linear algebra of this library is made of the one product below: Gram matrices, Cholesky factors, triangular
// solutions and Householder reflections are cut into blocks until products are what is left. So these two functions are
// all that another implementation needs. They are hooks: a policy's namespace may hold overloads for that policy, as
// linalg/blas.hpp does. Those below, on Eigen, serve all other policies.

namespace dfrot {

/// One factor of a product: a matrix, or its transpose. Nothing is copied.
template <class T, bool Transposed>
struct dense_factor {
  matrix_view<T const> values;

  [[nodiscard]] std::size_t rows() const { return Transposed ? values.columns : values.rows; }
  [[nodiscard]] std::size_t columns() const { return Transposed ? values.rows : values.columns; }
};

/// x as it is.
template <class T>
[[nodiscard]] dense_factor<std::remove_const_t<T>, false> as_is(matrix_view<T> x) {
  return {x};
}

/// x^T.
template <class T>
[[nodiscard]] dense_factor<std::remove_const_t<T>, true> transposed(matrix_view<T> x) {
  return {x};
}

namespace detail {

// Large enough that packing, which Eigen does anew for every tile, costs little; small enough that there are tiles for all
// threads.
inline constexpr std::size_t tile_rows = 512;
inline constexpr std::size_t tile_columns = 256;

// Where the last digit counts, products are sums of parts of this depth. Each addition rounds in proportion to the sum so far:
// sums of 128 terms, added up, have a third of the error of one sum of 1024.
inline constexpr std::size_t short_sum = 128;

// Rows of a matrix that one of parallel_products() takes: few, so that there is work for all threads. Where they run one
// after the other, more rows pack the other factor less often.
template <class P>
inline constexpr std::size_t solve_rows = 256;

[[nodiscard]] constexpr std::size_t blocks_of(std::size_t count, std::size_t block) {
  return count / block + (count % block != 0 ? 1 : 0);
}

/// Columns first .. first + count - 1 of a view. Without rows there may be no data, to which nothing may be added.
template <class T, class Space>
[[nodiscard]] constexpr matrix_view<T, Space> column_block(matrix_view<T, Space> x, std::size_t first,
                                                           std::size_t count) {
  return {x.rows == 0 ? x.data : x.data + first, x.rows, count, x.row_stride};
}

/// The block of a matrix that starts at (row, column).
template <class T>
[[nodiscard]] constexpr matrix_view<T> block_of(matrix_view<T> x, std::size_t row, std::size_t column, std::size_t rows,
                                                std::size_t columns) {
  return column_block(x.row_block(row, rows), column, columns);
}

template <class T, bool Transposed>
[[nodiscard]] auto as_eigen_factor(dense_factor<T, Transposed> x) {
  if constexpr (Transposed) {
    return as_eigen(x.values).transpose();
  } else {
    return as_eigen(x.values);
  }
}

/// One tile of c <- beta c + alpha a b, on the thread that calls.
template <class T, bool TransposeA, bool TransposeB>
void eigen_product_tile(T alpha, dense_factor<T, TransposeA> a, dense_factor<T, TransposeB> b, T beta,
                        matrix_view<T> c) {
  auto sum = as_eigen(c);
  if (beta == T(0)) {
    sum.noalias() = alpha * as_eigen_factor(a) * as_eigen_factor(b);
    return;
  }
  if (beta != T(1)) {
    sum *= beta;
  }
  sum.noalias() += alpha * as_eigen_factor(a) * as_eigen_factor(b);
}

/// Calls product(rows of a, columns of b, tile of c) for tiles of c = a b, on several threads.
template <std::size_t Rows, std::size_t Columns, class T, bool TransposeA, bool TransposeB, class Product>
void product_in_tiles(int threads, dense_factor<T, TransposeA> a, dense_factor<T, TransposeB> b, matrix_view<T> c,
                      Product const& product) {
  std::size_t const across = blocks_of(c.columns, Columns);
  eigen_tiles(threads, across * blocks_of(c.rows, Rows), [&](std::size_t tile) {
    std::size_t const row = tile / across * Rows;
    std::size_t const column = tile % across * Columns;
    std::size_t const rows = std::min(Rows, c.rows - row);
    std::size_t const columns = std::min(Columns, c.columns - column);
    auto const left = TransposeA ? column_block(a.values, row, rows) : a.values.row_block(row, rows);
    auto const right = TransposeB ? b.values.row_block(column, columns) : column_block(b.values, column, columns);
    product(dense_factor<T, TransposeA>{left}, dense_factor<T, TransposeB>{right},
            block_of(c, row, column, rows, columns));
  });
}

}  // namespace detail

/// Hook of all dense linear algebra: adds a product to a matrix.
///   C <- beta C + alpha A B;   for beta = 0, C is overwritten whatever it holds
/// @param on where to run, on how many threads   @param a (m x k), b (k x n) of as_is() or transposed()
/// @param c (m x n) @pre shapes fit, and the memory of c overlaps neither a nor b
/// Complexity: 2 m n k operations; Eigen's packing buffers are allocated.
/// Determinism: bitwise for any number of threads: tiles have a fixed size.   Throws: std::bad_alloc.
template <execution_policy P, class T, bool TransposeA, bool TransposeB>
void dense_product(P const& on, T alpha, dense_factor<T, TransposeA> a, dense_factor<T, TransposeB> b, T beta,
                   matrix_view<T> c) {
  detail::product_in_tiles<detail::tile_rows, detail::tile_columns>(
      threads_of(on), a, b, c,
      [&](auto left, auto right, matrix_view<T> tile) { detail::eigen_product_tile(alpha, left, right, beta, tile); });
}

/// Hook of all dense linear algebra: calls body(i) for i = 0 .. count - 1, in any order and at the same time. Inside,
/// dense_product() runs on one thread. An implementation whose products are threaded themselves calls one body after the other
/// instead.
/// @param on where to run, on how many threads   @param body may throw; may call dense_product()
/// Determinism: as body's, if no two calls write to the same place.
template <execution_policy P, class Body>
void parallel_products(P const& on, std::size_t count, Body const& body) {
  detail::eigen_tiles(threads_of(on), count, body);
}

}  // namespace dfrot
