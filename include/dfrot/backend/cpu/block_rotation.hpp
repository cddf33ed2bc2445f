#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/small_product.hpp>
#include <dfrot/backend/cpu/transform_rows.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/block_linear.hpp>
#include <dfrot/transform/block_rotation.hpp>
#include <dfrot/transform/kronecker.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Each block of neighbouring values times a small matrix, a few blocks at a time. @param scratch room for so many blocks
template <class Arch, class Real>
void multiply_blocks(matrix_view<Real const> block, Real* values, std::size_t count, Real* scratch) {
  std::size_t const b = block.rows;
  for (std::size_t first = 0; first < count; first += rows_of_product) {
    std::size_t const rows = std::min(rows_of_product, count - first);
    std::copy_n(values + first * b, rows * b, scratch);
    small_product<Arch>(matrix_view<Real const>(scratch, rows, b), block,
                        matrix_view<Real>(values + first * b, rows, b));
  }
}

}  // namespace detail

/// A block_rotation of one row.
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, block_rotation_view const& view, Real* row, Real* scratch) {
  detail::multiply_blocks<float_isa<Arch>>(view.block.matrix.template of<Real>(), row,
                                           view.columns / view.block.order(), scratch);
}

/// A block_linear of one row.
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, block_linear_view const& view, Real* row, Real* scratch) {
  std::size_t const b = view.block();
  for (std::size_t first = 0; first < view.size(); first += b) {
    detail::multiply_blocks<float_isa<Arch>>(view.matrices.template of<Real>().row_block(first, b), row + first, 1,
                                             scratch);
  }
}

/// A kronecker product on one row: X Q first, then P^T (X Q).
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, kronecker_view const& view, Real* row, Real* scratch) {
  std::size_t const a = view.left.order();
  std::size_t const b = view.right.order();
  detail::multiply_blocks<float_isa<Arch>>(view.right.matrix.template of<Real>(), row, a, scratch);
  std::copy_n(row, a * b, scratch);
  detail::small_product<float_isa<Arch>>(view.left.transpose.template of<Real>(),
                                         matrix_view<Real const>(scratch, a, b), matrix_view<Real>(row, a, b));
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
