#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/block_rotation.hpp>
#include <dfrot/transform/check_orthogonal.hpp>
#include <dfrot/transform/real_values.hpp>

namespace dfrot {

/// A matrix of its own for each block of channels, invertible, not orthogonal, as kernels see it: x <- x diag(T_1, …, T_k).
struct block_linear_view {
  using memory_space = host_space;
  static constexpr bool orthogonal = false;

  // Each (n x B): the matrices of the blocks, one under the other.
  real_values_view matrices;
  real_values_view inverse_transposes;
  real_values_view transposes;
  real_values_view inverses;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return matrices.in_double.rows; }
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t block() const { return matrices.in_double.columns; }
  [[nodiscard]] DFROT_PER_ISA constexpr block_linear_view transposed() const {
    return {transposes, inverses, matrices, inverse_transposes};
  }
  [[nodiscard]] DFROT_PER_ISA constexpr block_linear_view inverse_transposed() const {
    return {inverse_transposes, matrices, inverses, transposes};
  }
  /// A copy of the blocks that are multiplied at once.
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t scratch_size() const { return block() * detail::rows_of_product; }
};

/// A matrix of its own for each block of channels: x <- x diag(T_1, …, T_k), w <- w diag(T_1^-t, …, T_k^-t).
/// Precision: as block_rotation.    Memory: 48 n B bytes.    Complexity: 2 n B operations a row.
/// Throws: std::invalid_argument unless both are n x B, B divides n, and T_b (T_b^-t)^t = I for each block, by probes, to 1e-5;
/// std::bad_alloc.
/// Source: Chen et al. (WUSH), arXiv 2512.00956 (block transforms that are not orthogonal).
class block_linear {
 public:
  /// @param matrices T_1, …, T_k one under the other (n x B)   @param inverse_transposes T_1^-t, …, T_k^-t likewise
  DFROT_PER_ISA block_linear(matrix<double> matrices, matrix<double> inverse_transposes)
      : matrices_(std::move(matrices)),
        inverse_transposes_(std::move(inverse_transposes)),
        transposes_(transposed_blocks(matrices_.exact())),
        inverses_(transposed_blocks(inverse_transposes_.exact())) {
    auto const t = matrices_.exact();
    auto const back = inverse_transposes_.exact();
    expects(back.rows == t.rows && back.columns == t.columns, "block matrices of ", t.rows, " x ", t.columns,
            " with inverse transposes of ", back.rows, " x ", back.columns);
    for (std::size_t first = 0; first < t.rows; first += t.columns) {
      detail::check_inverse_transpose("a block and its inverse transpose", t.row_block(first, t.columns),
                                      back.row_block(first, t.columns));
    }
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return matrices_.exact().rows; }
  [[nodiscard]] DFROT_PER_ISA block_linear_view view() const {
    return {matrices_.view(), inverse_transposes_.view(), transposes_.view(), inverses_.view()};
  }

 private:
  DFROT_PER_ISA static matrix<double> transposed_blocks(matrix_view<double const> blocks) {
    std::size_t const b = blocks.columns;
    expects(b != 0 && blocks.rows % b == 0, "blocks of ", b, " channels in ", blocks.rows,
            ": a row must be a whole number of blocks");
    matrix<double> result(blocks.rows, b);
    for (std::size_t i = 0; i < blocks.rows; ++i) {
      for (std::size_t j = 0; j < b; ++j) {
        result(i / b * b + j, i % b) = blocks(i, j);
      }
    }
    return result;
  }

  real_values matrices_;
  real_values inverse_transposes_;
  real_values transposes_;
  real_values inverses_;
};

}  // namespace dfrot
