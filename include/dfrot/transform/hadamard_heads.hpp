#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot {

namespace detail {

/// What the transforms of heads ask of their arguments.
template <class P, class T, class Space>
void expect_head_shapes(P const& on, hadamard_order const& order, matrix_view<T, Space> x, std::size_t workspace_size) {
  expects(x.columns % order.size() == 0, "a Hadamard transform of heads of ", order.size(), " values on rows of ",
          x.columns, ": the row must be a whole number of heads");
  check_stride("rows", x);
  expect_hadamard_resources<T>(on, order, workspace_size);
}

}  // namespace detail

/// Multiplies each head of each row by the normalized Hadamard matrix of the head's size, in place: a row is a token's heads,
/// one after the other.
///   x_h <- x_h H / sqrt(d),   h = 0 … heads - 1,   that is x <- x (I (x) H_d) / sqrt(d)
/// @param on where to run   @param order d, the size of a head (64, 80, 96, 128, …)
/// @param x (tokens x heads d), row stride >= columns
/// @param workspace hadamard_workspace_size<T>(on, order) values, none for float and double; contents are lost
/// Complexity: that of hadamard() for tokens x heads rows of d values, no allocation.
/// Determinism: bitwise for any number of threads.   Throws: std::invalid_argument if d does not divide the columns.
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (heads of the values, queries and keys).
template <execution_policy P, storage T, class Space>
void hadamard_heads(P const& on, hadamard_order const& order, matrix_view<T, Space> x,
                    vector_view<arithmetic_t<T>, Space> workspace = {}) {
  check_policy<Space>(on);
  static_assert(can_hadamard<P, T, Space>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  detail::expect_head_shapes(on, order, x, workspace.size);
  hadamard_rows(on, order, vector_view<std::int8_t const, Space>{}, x, workspace);
}

/// The same with H^T: undoes hadamard_heads(). Contract as there.
template <execution_policy P, storage T, class Space>
void hadamard_heads_transpose(P const& on, hadamard_order const& order, matrix_view<T, Space> x,
                              vector_view<arithmetic_t<T>, Space> workspace = {}) {
  check_policy<Space>(on);
  static_assert(can_hadamard<P, T, Space>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  detail::expect_head_shapes(on, order, x, workspace.size);
  hadamard_transpose_rows(on, order, vector_view<std::int8_t const, Space>{}, x, workspace);
}

}  // namespace dfrot
