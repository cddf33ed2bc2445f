#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_run.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// All rows, in ranges that have their own part of the workspace. A row may hold several
/// runs of n values; rows without a gap between them are one long row.
template <class Arch, class T>
void hadamard_on_rows(basic_policy<Arch> const& on, hadamard_task const& task, matrix_view<T> x,
                      vector_view<arithmetic_t<T>> workspace) {
  std::size_t const n = task.order.size();
  if (x.rows == 0 || x.columns == 0) {
    return;
  }
  bool const gapless = x.row_stride == x.columns || x.rows == 1;
  matrix_view<T> const rows = gapless ? matrix_view<T>{x.data, x.rows * (x.columns / n), n} : x;
  for_row_ranges(on, rows.rows, rows.columns, n, workspace, [&](std::size_t first, std::size_t last, auto* own) {
    if (gapless) {
      hadamard_runs<float_isa<Arch>>(task, rows.row(first), last - first, own);
    } else {
      for (std::size_t row = first; row < last; ++row) {
        hadamard_runs<float_isa<Arch>>(task, rows.row(row), rows.columns / n, own);
      }
    }
  });
}

}  // namespace detail

/// hadamard(), hadamard_heads() and randomized_hadamard::apply(), rows spread over threads: each run of n columns by itself.
/// @param signs n signs that multiply each run first, or an empty view
/// @param workspace as hadamard_workspace_size() says
template <class Arch, storage T>
void hadamard_rows(basic_policy<Arch> const& on, hadamard_order const& order, vector_view<std::int8_t const> signs,
                   matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(on, {order, false, signs.size == 0 ? nullptr : signs.data}, x, workspace);
}

/// hadamard_transpose(), hadamard_heads_transpose() and randomized_hadamard::apply_transpose(); the signs come last.
template <class Arch, storage T>
void hadamard_transpose_rows(basic_policy<Arch> const& on, hadamard_order const& order,
                             vector_view<std::int8_t const> signs, matrix_view<T> x,
                             vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(on, {order, true, signs.size == 0 ? nullptr : signs.data}, x, workspace);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
