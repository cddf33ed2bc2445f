#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/transformed_rows.hpp>
#include <dfrot/transform/apply.hpp>

namespace dfrot {

namespace detail {

/// rotated_token_errors() with a rotation that is a matrix: block by block.
template <execution_policy P, class Scheme, class Rotation, class T>
void errors_by_blocks(P const& on, Scheme const& scheme, Rotation const& rotation, matrix_view<T const> read,
                      vector_view<token_error> out) {
  constexpr std::size_t block_rows = 512;
  matrix<T> block(std::min(block_rows, read.rows), read.columns);
  for (std::size_t first = 0; first < read.rows; first += block_rows) {
    std::size_t const count = std::min(block_rows, read.rows - first);
    auto const rows = block.view().row_block(0, count);
    for (std::size_t i = 0; i < count; ++i) {
      std::copy_n(read.row(first + i), read.columns, rows.row(i));
    }
    apply(on, rotation, rows);
    token_errors(on, scheme, rows, vector_view<token_error>(out.data + first, count),
                 [first](std::size_t row) { return message("row ", first + row); });
  }
}

}  // namespace detail

/// Measures, per token, the error of quantizing it after a rotation or any other transform: ||x R - Q(x R)||^2 and ||x R||^2.
/// x is not changed.
/// @param on where to run (host)   @param scheme as for token_errors()
/// @param rotation a transform such as randomized_hadamard, or a dense_rotation<T>
/// @param x (m x n) float or double; with a transform also half or bfloat16, which are rotated in float   @param out (m)
/// Complexity: that of the rotation plus O(m n); a row a thread of workspace, for a dense_rotation 512 rows, allocated here.
/// Determinism: as the rotation and token_errors(): bitwise for any thread count.
/// Throws: std::invalid_argument as token_errors(), rows counted from the start of x; std::bad_alloc.
template <execution_policy P, class Scheme, class Rotation, class T>
void rotated_token_errors(P const& on, Scheme const& scheme, Rotation const& rotation, matrix_view<T> x,
                          vector_view<token_error> out) {
  using Value = std::remove_const_t<T>;
  check_policy<host_space>(on);
  expects(out.size == x.rows, "token errors: room for ", out.size, " tokens, but there are ", x.rows);
  matrix_view<Value const> const read = x;
  reject_non_finite(read, first_non_finite_row(read));
  if constexpr (detail::applies_itself<Rotation, P, Value, host_space>) {
    detail::errors_by_blocks(on, scheme, rotation, read, out);
  } else {
    detail::check_transformed<T, host_space, Rotation>(on, scheme, out);
    aligned_vector<arithmetic_t<T>> workspace(transformed_rows_workspace_size(on, rotation));
    vector_view<arithmetic_t<T>> const room(workspace.data(), workspace.size());
    token_errors(on, scheme, make_transformed_rows(read, rotation, room), out);
  }
}

}  // namespace dfrot
