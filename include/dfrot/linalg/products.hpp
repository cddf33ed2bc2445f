#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/serial_eigen.hpp>

namespace dfrot {

namespace detail {

inline constexpr std::size_t accumulator_tile = 256;
inline constexpr std::size_t token_block = 256;

/// c += a^T b for one tile of c in float64, over all tokens in blocks of a fixed size, one after the other. A template so that
/// Eigen's product is compiled where it is called.
template <std::same_as<double> Sum>
void accumulate_tile(matrix_view<float const> a, matrix_view<float const> b, matrix_view<Sum> c) {
  using row_major = Eigen::Matrix<Sum, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  row_major a_block;
  row_major b_block;
  for (std::size_t first = 0; first < a.rows; first += token_block) {
    std::size_t const count = std::min(token_block, a.rows - first);
    a_block = as_eigen(a.row_block(first, count)).template cast<Sum>();
    b_block = as_eigen(b.row_block(first, count)).template cast<Sum>();
    as_eigen(c).noalias() += a_block.transpose() * b_block;
  }
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
  check_policy<Space>(on);
  expects(a.columns == b.rows && c.rows == a.rows && c.columns == b.columns, "cannot multiply ", a.rows, " x ",
          a.columns, " by ", b.rows, " x ", b.columns, " into ", c.rows, " x ", c.columns);
  check_stride("the left factor", a);
  check_stride("the right factor", b);
  check_stride("the product", c);
  dense_product(on, C(1), as_is(a), as_is(b), C(0), c);
}

/// Adds a product over tokens to a float64 accumulator.
///   C <- C + A^T B = C + sum over tokens i of a_i^T b_i
/// Converts float elements to double before it multiplies them: otherwise tokens weighted by alpha^2 = 10^4 take the digits of
/// ordinary ones.
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
  check_policy<Space>(on);
  detail::expects_transposed_product(a, b, c);
  if constexpr (std::same_as<std::remove_const_t<A>, double>) {
    dense_product(on, 1.0, transposed(a), as_is(b), 1.0, c);
  } else {
    std::size_t const across = detail::blocks_of(c.columns, detail::accumulator_tile);
    std::size_t const down = detail::blocks_of(c.rows, detail::accumulator_tile);
    detail::eigen_tiles(threads_of(on), down * across, [&](std::size_t tile) {
      std::size_t const row = tile / across * detail::accumulator_tile;
      std::size_t const column = tile % across * detail::accumulator_tile;
      std::size_t const rows = std::min(detail::accumulator_tile, c.rows - row);
      std::size_t const columns = std::min(detail::accumulator_tile, c.columns - column);
      detail::accumulate_tile(detail::column_block(a, row, rows), detail::column_block(b, column, columns),
                              detail::block_of(c, row, column, rows, columns));
    });
  }
}

/// Adds a product over tokens to a float32 accumulator: the same with all arithmetic in float32, twice as fast or more.
///   C <- C + A^T B
/// For terms of one size, and a few thousand tokens at a time: the error of an element is about
/// sqrt(tokens) 6e-8 of its terms' size.
/// @param on where to run, on how many threads   @param a (tokens x m)   @param b (tokens x n)   @param c (m x n)
/// @pre the memory of c overlaps neither a nor b   @post a NaN in column j of a gives NaN in row j of c, in b in a
/// column
/// Complexity: 2 tokens m n operations in float32; Eigen's packing buffers are allocated.
/// Determinism: bitwise for any number of threads; the split of the tokens into calls matters.
/// Throws: std::invalid_argument on shape; std::bad_alloc.
template <execution_policy P, float_scalar A, float_scalar B, class Space>
void multiply_transposed_accumulate(P const& on, matrix_view<A, Space> a, matrix_view<B, Space> b,
                                    matrix_view<float, Space> c) {
  check_policy<Space>(on);
  detail::expects_transposed_product(a, b, c);
  dense_product(on, 1.0F, transposed(a), as_is(b), 1.0F, c);
}

}  // namespace dfrot
