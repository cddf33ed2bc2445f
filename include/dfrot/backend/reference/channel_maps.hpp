#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/transform_rows.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/block_linear.hpp>
#include <dfrot/transform/block_rotation.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <dfrot/transform/kronecker.hpp>
#include <dfrot/transform/permutation.hpp>

namespace dfrot::reference {

// Transforms of one row as their formulas stand: transform_row(on, view, row, scratch).

template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, channel_scale_view const& view, Real* row, Real* /*scratch*/) {
  std::transform(row, row + view.size(), view.factors.template of<Real>().data, row,
                 [](Real x, Real factor) { return x * factor; });
}

template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, permutation_view const& view, Real* row, Real* scratch) {
  std::copy_n(row, view.size(), scratch);
  for (std::size_t j = 0; j < view.size(); ++j) {
    row[j] = scratch[view.source[j]];
  }
}

namespace detail {

/// y_j = sum_k x_{k stride} M_kj at y_{j stride}, sums in double.
template <class Real>
DFROT_PER_ISA void multiply(matrix_view<Real const> m, Real const* x, Real* y, std::size_t stride) {
  for (std::size_t j = 0; j < m.columns; ++j) {
    double sum = 0;
    for (std::size_t k = 0; k < m.rows; ++k) {
      sum += static_cast<double>(x[k * stride]) * static_cast<double>(m(k, j));
    }
    y[j * stride] = static_cast<Real>(sum);
  }
}

}  // namespace detail

template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, block_rotation_view const& view, Real* row, Real* scratch) {
  std::size_t const b = view.block.order();
  for (std::size_t first = 0; first < view.columns; first += b) {
    std::copy_n(row + first, b, scratch);
    detail::multiply(view.block.matrix.template of<Real>(), scratch, row + first, 1);
  }
}

template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, block_linear_view const& view, Real* row, Real* scratch) {
  std::size_t const b = view.block();
  for (std::size_t first = 0; first < view.size(); first += b) {
    std::copy_n(row + first, b, scratch);
    detail::multiply(view.matrices.template of<Real>().row_block(first, b), scratch, row + first, 1);
  }
}

/// X Q first, then P^T (X Q).
template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, kronecker_view const& view, Real* row, Real* scratch) {
  std::size_t const a = view.left.order();
  std::size_t const b = view.right.order();
  std::copy_n(row, a * b, scratch);
  for (std::size_t i = 0; i < a; ++i) {
    detail::multiply(view.right.matrix.template of<Real>(), scratch + i * b, row + i * b, 1);
  }
  std::copy_n(row, a * b, scratch);
  for (std::size_t d = 0; d < b; ++d) {
    detail::multiply(view.left.matrix.template of<Real>(), scratch + d, row + d, b);
  }
}

}  // namespace dfrot::reference
