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

/// c += a^T b for one tile of c, all of one type.
template <class T>
void accumulate_tile(matrix_view<T const> a, matrix_view<T const> b, matrix_view<T> c) {
  as_eigen(c).noalias() += as_eigen(a).transpose() * as_eigen(b);
}

/// The same with float elements and a double sum, over all tokens in blocks of a fixed size, one after the other.
inline void accumulate_tile(matrix_view<float const> a, matrix_view<float const> b, matrix_view<double> c) {
  using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  row_major a_block;
  row_major b_block;
  for (std::size_t first = 0; first < a.rows; first += token_block) {
    std::size_t const count = std::min(token_block, a.rows - first);
    a_block = as_eigen(a.row_block(first, count)).template cast<double>();
    b_block = as_eigen(b.row_block(first, count)).template cast<double>();
    as_eigen(c).noalias() += a_block.transpose() * b_block;
  }
}

/// c += a^T b, tile by tile; T is the type of the elements, C that of the sums.
template <class T, class C>
void accumulate_tiles(int threads, matrix_view<T const> a, matrix_view<T const> b, matrix_view<C> c) {
  std::size_t const across = blocks_of(c.columns, accumulator_tile);
  std::size_t const down = blocks_of(c.rows, accumulator_tile);
  eigen_tiles(threads, down * across, [&](std::size_t tile) {
    std::size_t const row = tile / across * accumulator_tile;
    std::size_t const column = tile % across * accumulator_tile;
    std::size_t const rows = std::min(accumulator_tile, c.rows - row);
    std::size_t const columns = std::min(accumulator_tile, c.columns - column);
    accumulate_tile(column_block(a, row, rows), column_block(b, column, columns),
                    column_block(c.row_block(row, rows), column, columns));
  });
}

template <class A, class B, class C, class Space>
void expects_transposed_product(matrix_view<A, Space> a, matrix_view<B, Space> b, matrix_view<C, Space> c) {
  expects(a.rows == b.rows && c.rows == a.columns && c.columns == b.columns, "cannot multiply the transpose of ",
          a.rows, " x ", a.columns, " by ", b.rows, " x ", b.columns, " into ", c.rows, " x ", c.columns);
  check_stride("the left factor", a);
  check_stride("the right factor", b);
  check_stride("the accumulator", c);
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
  assert_space<P, Space>();
  detail::expects_transposed_product(a, b, c);
  detail::accumulate_tiles<std::remove_const_t<A>>(threads_of(on), a, b, c);
}

/// Adds a product over tokens to a float32 accumulator: the same with all arithmetic in float32, twice as fast or more.
///   C <- C + A^T B
/// For sums whose terms are of one size and few thousand tokens at a time: the error of an element is about
/// sqrt(tokens) 6e-8 of its terms' size.
/// @param on where to run, on how many threads   @param a (tokens x m)   @param b (tokens x n)   @param c (m x n)
/// @pre the memory of c overlaps neither a nor b   @post a NaN in column j of a gives NaN in row j of c, in b in a
/// column
/// Complexity: 2 tokens m n operations in float32; Eigen's packing buffers are allocated.
/// Determinism: bitwise for any number of threads; the split of the tokens into calls matters.
/// Throws: std::invalid_argument on shape; std::bad_alloc.
template <execution_policy P, dense_scalar A, dense_scalar B, class Space>
requires std::same_as < std::remove_const_t<A>,
float > &&std::same_as<std::remove_const_t<B>, float> void multiply_transposed_accumulate(P const& on,
                                                                                          matrix_view<A, Space> a,
                                                                                          matrix_view<B, Space> b,
                                                                                          matrix_view<float, Space> c) {
  assert_space<P, Space>();
  detail::expects_transposed_product(a, b, c);
  detail::accumulate_tiles<float>(threads_of(on), a, b, c);
}

}  // namespace dfrot
