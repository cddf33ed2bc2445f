#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/serial_eigen.hpp>

namespace dfrot {

/// A type that the dense linear algebra computes in: float or double, const or not.
template <class T>
concept dense_scalar = std::same_as < std::remove_const_t<T>,
float > || std::same_as<std::remove_const_t<T>, double>;

namespace detail {

// Large enough that Eigen's packing of the right-hand side does not show; a multiple of every SIMD width.
inline constexpr std::size_t product_rows = 128;
inline constexpr std::size_t accumulator_tile = 256;
inline constexpr std::size_t token_block = 256;

[[nodiscard]] constexpr std::size_t blocks_of(std::size_t count, std::size_t block) {
  return count / block + (count % block != 0 ? 1 : 0);
}

/// Columns first .. first + count - 1 of a view.
template <class T, class Space>
[[nodiscard]] constexpr matrix_view<T, Space> column_block(matrix_view<T, Space> x, std::size_t first,
                                                           std::size_t count) {
  return {x.data + first, x.rows, count, x.row_stride};
}

/// c += a^T b for one tile of c, over all tokens in blocks of a fixed size, one after the other.
template <class T>
void accumulate_tile(matrix_view<T const> a, matrix_view<T const> b, matrix_view<double> c) {
  using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  auto sum = as_eigen(c);
  row_major a_block;
  row_major b_block;
  for (std::size_t first = 0; first < a.rows; first += token_block) {
    std::size_t const count = std::min(token_block, a.rows - first);
    auto const a_rows = as_eigen(a.row_block(first, count));
    auto const b_rows = as_eigen(b.row_block(first, count));
    if constexpr (std::same_as<T, double>) {
      sum.noalias() += a_rows.transpose() * b_rows;
    } else {
      a_block = a_rows.template cast<double>();
      b_block = b_rows.template cast<double>();
      sum.noalias() += a_block.transpose() * b_block;
    }
  }
}

}  // namespace detail

/// Multiplies two dense matrices.
///   C = A B
/// @param on where to run, on how many threads   @param a (m x k)   @param b (k x n)   @param c (m x n), overwritten
/// @pre the memory of c overlaps neither a nor b   @post a row of c with NaN comes from a row of a or a column of b
/// with one
/// Complexity: 2 m k n operations in the type of the elements; Eigen's packing buffers are allocated.
/// Determinism: bitwise for any number of threads; another instruction set may round otherwise.
/// Throws: std::invalid_argument on shape; std::bad_alloc.
template <execution_policy P, dense_scalar A, dense_scalar B, dense_scalar C, class Space>
requires std::same_as<std::remove_const_t<A>, C> && std::same_as<std::remove_const_t<B>, C>
void multiply(P const& on, matrix_view<A, Space> a, matrix_view<B, Space> b, matrix_view<C, Space> c) {
  assert_space<P, Space>();
  expects(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns, "cannot multiply ", a.rows, " x ",
          a.columns, " by ", b.rows, " x ", b.columns, " into ", c.rows, " x ", c.columns);
  check_stride("the left factor", a);
  check_stride("the right factor", b);
  check_stride("the product", c);
  detail::eigen_tiles(threads_of(on), detail::blocks_of(c.rows, detail::product_rows), [&](std::size_t tile) {
    std::size_t const first = tile * detail::product_rows;
    std::size_t const count = std::min(detail::product_rows, c.rows - first);
    as_eigen(c.row_block(first, count)).noalias() = as_eigen(a.row_block(first, count)) * as_eigen(b);
  });
}

/// Adds a product over tokens to a float64 accumulator.
///   C <- C + A^T B = C + sum over tokens i of a_i^T b_i
/// float elements are converted to double before they are multiplied: tokens weighted by alpha^2 = 10^4 next to
/// ordinary ones would otherwise take the latter's digits.
/// @param on where to run, on how many threads   @param a (tokens x m)   @param b (tokens x n)   @param c (m x n)
/// @pre the memory of c overlaps neither a nor b   @post a NaN in column j of a gives NaN in row j of c, in b in a
/// column
/// Complexity: 2 tokens m n operations in float64; workspace of two blocks of 256 x 256 doubles a thread, allocated.
/// Determinism: bitwise for any number of threads: tokens are added in blocks of fixed size in fixed order.
/// Throws: std::invalid_argument on shape; std::bad_alloc.
template <execution_policy P, dense_scalar A, dense_scalar B, class Space>
requires std::same_as<std::remove_const_t<A>, std::remove_const_t<B>>
void multiply_transposed_accumulate(P const& on, matrix_view<A, Space> a, matrix_view<B, Space> b,
                                    matrix_view<double, Space> c) {
  using T = std::remove_const_t<A>;
  assert_space<P, Space>();
  expects(a.rows == b.rows && c.rows == a.columns && c.columns == b.columns, "cannot multiply the transpose of ",
          a.rows, " x ", a.columns, " by ", b.rows, " x ", b.columns, " into ", c.rows, " x ", c.columns);
  check_stride("the left factor", a);
  check_stride("the right factor", b);
  check_stride("the accumulator", c);
  std::size_t const across = detail::blocks_of(c.columns, detail::accumulator_tile);
  std::size_t const down = detail::blocks_of(c.rows, detail::accumulator_tile);
  detail::eigen_tiles(threads_of(on), down * across, [&](std::size_t tile) {
    std::size_t const row = tile / across * detail::accumulator_tile;
    std::size_t const column = tile % across * detail::accumulator_tile;
    std::size_t const rows = std::min(detail::accumulator_tile, c.rows - row);
    std::size_t const columns = std::min(detail::accumulator_tile, c.columns - column);
    detail::accumulate_tile<T>(detail::column_block(a, row, rows), detail::column_block(b, column, columns),
                               detail::column_block(c.row_block(row, rows), column, columns));
  });
}

}  // namespace dfrot
