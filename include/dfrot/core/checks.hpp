#pragma once

#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// What a hook that looks for non-finite rows returns when there are none.
inline constexpr std::size_t all_finite = static_cast<std::size_t>(-1);

/// Checks that a view's rows do not overlap. Throws: std::invalid_argument naming the operand and both numbers.
template <class T, class Space>
DFROT_PER_ISA void check_stride(char const* operand, matrix_view<T, Space> const& x) {
  expects(x.row_stride >= x.columns || x.rows <= 1, operand, ": row stride ", x.row_stride, " is less than the ",
          x.columns, " columns");
}

/// Checks the shape of an operand. Throws: std::invalid_argument naming the operand, the shape found and the one
/// expected.
template <class T, class Space>
DFROT_PER_ISA void check_shape(char const* operand, matrix_view<T, Space> const& x, std::size_t rows,
                               std::size_t columns) {
  expects(x.rows == rows && x.columns == columns, operand, " is ", x.rows, " x ", x.columns, ", expected ", rows, " x ",
          columns);
  check_stride(operand, x);
}

/// The first row that holds a NaN or an infinity, or all_finite. Complexity: O(m n).
template <storage T>
[[nodiscard]] DFROT_PER_ISA std::size_t first_non_finite_row(matrix_view<T const> x) {
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t j = 0; j < x.columns; ++j) {
      if (!is_finite(x(i, j))) {
        return i;
      }
    }
  }
  return all_finite;
}

/// Turns the row that a hook found into an error that names its first non-finite value; does nothing for all_finite.
/// @param before rows that came before those of x: errors count them
/// Throws: std::invalid_argument "row 7, column 3 holds nan: …" (rows and columns count from 0).
template <storage T>
DFROT_PER_ISA void reject_non_finite(matrix_view<T const> const& x, std::size_t row, std::size_t before = 0) {
  if (row == all_finite) {
    return;
  }
  for (std::size_t j = 0; j < x.columns; ++j) {
    expects(is_finite(x(row, j)), "row ", before + row, ", column ", j, " holds ", load(x(row, j)),
            ": activations must be finite");
  }
}

/// For rows that were finite before they were rotated: turns the row that a hook found in a block of them into an error.
/// @param name name(row): what the caller calls it, not the block: "row 2500"
/// Throws: std::invalid_argument "row 2500 is finite, but overflows when it is rotated: scale the activations down".
template <class Name>
DFROT_PER_ISA void reject_overflow(std::size_t row, Name const& name) {
  if (row != all_finite) {
    reject(message(name(row), " is finite, but overflows when it is rotated: scale the activations down"));
  }
}

/// Does nothing: a hook on a device does not wait for it, and so finds no row. It marks what was not finite by NaN; who wants an
/// error calls cuda::reject_non_finite() once the results are needed.
template <storage T>
DFROT_PER_ISA void reject_non_finite(matrix_view<T const, device_space> const& /*x*/, std::size_t /*row*/) {}

}  // namespace dfrot
