#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/low_rank.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/backend/reference/transform_rows.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/quantize/transformed_rows.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot::reference {

/// Hook of rotate_quantize() and of all that takes transformed rows: a row is copied, transformed and quantized.
/// Returns the first row whose transform has a non-finite value, or all_finite; such rows are not written.
template <quantization_scheme Scheme, storage T, transform_view V, takes_group<Scheme, arithmetic_t<T>> Sink>
requires has_transform_row<policy, V, arithmetic_t<T>> std::size_t quantize_rows(policy const& on, Scheme const& scheme,
                                                                                 transformed_rows<T, V> const& rows,
                                                                                 Sink const& out)
noexcept {
  std::size_t bad_row = all_finite;
  std::size_t const n = rows.x.columns;
  arithmetic_t<T>* const row = rows.workspace.data;
  for (std::size_t i = 0; i < rows.x.rows; ++i) {
    std::transform(rows.x.row(i), rows.x.row(i) + n, row, [](T value) { return load(value); });
    transform_row(on, rows.transform, row, row + n);
    if (!quantize_row(on, scheme, row, n, i, out)) {
      bad_row = std::min(bad_row, i);
    }
  }
  return bad_row;
}

}  // namespace dfrot::reference
