#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/check_orthogonal.hpp>
#include <dfrot/transform/real_values.hpp>

namespace dfrot {

namespace detail {

/// An orthogonal matrix and its transpose, as kernels read both.
struct orthogonal_view {
  real_values_view matrix;
  real_values_view transpose;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t order() const { return matrix.in_double.rows; }
  [[nodiscard]] DFROT_PER_ISA constexpr orthogonal_view transposed() const { return {transpose, matrix}; }
};

/// Rows that are copied before a block of them is written: kernels multiply so many by a matrix at a time.
inline constexpr std::size_t rows_of_product = 4;

}  // namespace detail

/// A small orthogonal matrix on each run of channels as long as its order, as kernels see it: x <- x (I (x) M).
struct block_rotation_view {
  using memory_space = host_space;
  static constexpr bool orthogonal = true;

  detail::orthogonal_view block;
  std::size_t columns;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return columns; }
  [[nodiscard]] DFROT_PER_ISA constexpr block_rotation_view transposed() const { return {block.transposed(), columns}; }
  /// A copy of the blocks that are multiplied at once.
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t scratch_size() const {
    return block.order() * detail::rows_of_product;
  }
};

/// One orthogonal B x B matrix for all blocks of B channels: x <- x (I (x) M).
/// Precision: sums of B products in the arithmetic type, in the order of the channels: |error| <= B eps |x_block| |M_column|.
/// Memory: 24 B^2 bytes.    Complexity: 2 n B operations a row.
/// Throws: std::invalid_argument unless 2 <= B <= 1024 divides n and M M^T = I (see check_orthogonal); std::bad_alloc.
/// Source: Lin et al. (DuQuant), arXiv 2406.01721, section 3.
class block_rotation {
 public:
  /// @param n channels    @param block M (B x B), orthogonal
  DFROT_PER_ISA block_rotation(std::size_t n, matrix<double> block)
      : size_(n), block_(std::move(block)), transpose_(detail::transpose_of(block_.exact())) {
    std::size_t const b = block_.exact().rows;
    detail::check_orthogonal("the matrix of a block rotation", block_.exact());
    expects(b >= 2 && b <= 1024, "a block rotation of blocks of ", b, " channels: blocks have 2 to 1024");
    expects(n != 0 && n % b == 0, "blocks of ", b, " channels in ", n, ": a row must be a whole number of blocks");
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return size_; }
  [[nodiscard]] DFROT_PER_ISA matrix_view<double const> block() const { return block_.exact(); }
  [[nodiscard]] DFROT_PER_ISA block_rotation_view view() const { return {{block_.view(), transpose_.view()}, size_}; }

 private:
  std::size_t size_;
  real_values block_;
  real_values transpose_;
};

}  // namespace dfrot
