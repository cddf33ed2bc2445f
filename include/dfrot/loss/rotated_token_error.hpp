#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>

namespace dfrot {

/// Measures, per token, the error of quantizing it after a rotation: ||x R - Q(x R)||^2 and ||x R||^2. x is not
/// changed.
/// @param on where to run (host)   @param scheme as for token_errors()
/// @param rotation anything with apply(on, matrix_view<T>), such as randomized_hadamard or dense_rotation<T>
/// @param x (m x n) float or double   @param out (m)
/// Complexity: that of the rotation plus O(m n); workspace of 512 rows, allocated here.
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
  constexpr std::size_t block_rows = 512;
  matrix<Value> block(std::min(block_rows, x.rows), x.columns);
  for (std::size_t first = 0; first < x.rows; first += block_rows) {
    std::size_t const count = std::min(block_rows, x.rows - first);
    auto const rows = block.view().row_block(0, count);
    for (std::size_t i = 0; i < count; ++i) {
      std::copy_n(read.row(first + i), x.columns, rows.row(i));
    }
    rotation.apply(on, rows);
    token_errors(on, scheme, rows, vector_view<token_error>(out.data + first, count),
                 [first](std::size_t row) { return message("row ", first + row); });
  }
}

}  // namespace dfrot
