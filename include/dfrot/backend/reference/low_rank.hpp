#pragma once

#include <cstddef>

#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/transform_rows.hpp>
#include <dfrot/config.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>

namespace dfrot::reference {

/// A rotation of low rank as the formula stands, sums in double: x <- x + ((x U) C) U^T.
template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, low_rank_rotation_view const& view, Real* row,
                                 Real* /*scratch*/) {
  low_rank_view<Real> const g = view.template of<Real>();
  std::size_t const axes = g.axes.size;
  double coefficient[largest_low_rank] = {};
  for (std::size_t k = 0; k < g.rank(); ++k) {
    for (std::size_t j = 0; k >= axes && j < view.columns; ++j) {
      coefficient[k] += static_cast<double>(row[j]) * static_cast<double>(g.basis(k - axes, j));
    }
    coefficient[k] = k < axes ? static_cast<double>(row[g.axes[k]]) : coefficient[k];
  }
  double step[largest_low_rank] = {};
  for (std::size_t k = 0; k < g.rank(); ++k) {
    for (std::size_t l = 0; l < g.rank(); ++l) {
      step[l] += coefficient[k] * static_cast<double>(g.change(k, l));
    }
  }
  for (std::size_t j = 0; j < view.columns; ++j) {
    double sum = static_cast<double>(row[j]);
    for (std::size_t l = axes; l < g.rank(); ++l) {
      sum += step[l] * static_cast<double>(g.basis(l - axes, j));
    }
    for (std::size_t l = 0; l < axes; ++l) {
      sum += g.axes[l] == j ? step[l] : 0;
    }
    row[j] = static_cast<Real>(sum);
  }
}

}  // namespace dfrot::reference
