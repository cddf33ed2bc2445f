#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/backend/cpu/transform_rows.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_run.hpp>
#include <dfrot/backend/cpu/walsh/signed_run.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

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
    if (rows.columns == n) {
      hadamard_runs<float_isa<Arch>>(task, rows.row(first), rows.row_stride, last - first, own);
    } else {
      for (std::size_t row = first; row < last; ++row) {
        hadamard_runs<float_isa<Arch>>(task, rows.row(row), n, rows.columns / n, own);
      }
    }
  });
}

/// True if a Hadamard is one run, forward or back: what kernels know that do it and the signs at once.
[[nodiscard]] inline bool is_whole(hadamard_view const& h, bool transpose) {
  return h.transpose == transpose && h.columns == h.order->size();
}

}  // namespace detail

template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, hadamard_view const& h, Real* row, Real* /*scratch*/) {
  detail::hadamard_task const task{*h.order, h.transpose, nullptr};
  std::size_t const n = h.order->size();
  detail::hadamard_runs<float_isa<Arch>>(task, row, n, h.columns / n, static_cast<Real*>(nullptr));
}

/// Signs without a Hadamard beside them.
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, signs_view<> const& view, Real* row, Real* /*scratch*/) {
  if constexpr (in_registers<Arch, Real>) {
    constexpr std::size_t width = float_lanes<float_isa<Arch>>::width;
    signed_run<float_isa<Arch>, float const> const from{row, view.signs.data};
    std::size_t i = 0;
    for (; i + width <= view.size(); i += width) {
      from(i).store(row + i);
    }
    from(i, view.size() - i).store(row + i, view.size() - i);
  } else {
    detail::multiply_signs(row, view.signs.data, view.size());
  }
}

/// apply() of a Hadamard of whole rows or of blocks, rows spread over threads.
template <class Arch, storage T>
void transform_rows(basic_policy<Arch> const& on, hadamard_view const& h, matrix_view<T> x,
                    vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(on, {*h.order, h.transpose, nullptr}, x, workspace);
}

/// apply() of a randomized_hadamard: the signs are read in passing.
template <class Arch, storage T>
void transform_rows(basic_policy<Arch> const& on, chain<signs_view<>, hadamard_view> const& r, matrix_view<T> x,
                    vector_view<arithmetic_t<T>> workspace) noexcept {
  if (hadamard_view const h = r.rest.first; detail::is_whole(h, false)) {
    detail::hadamard_on_rows(on, {*h.order, false, r.first.signs.data}, x, workspace);
  } else {
    detail::transform_each_row(on, r, x, workspace);
  }
}

/// Its transpose: the signs come last.
template <class Arch, storage T>
void transform_rows(basic_policy<Arch> const& on, chain<hadamard_view, signs_view<>> const& r, matrix_view<T> x,
                    vector_view<arithmetic_t<T>> workspace) noexcept {
  if (hadamard_view const h = r.first; detail::is_whole(h, true)) {
    detail::hadamard_on_rows(on, {*h.order, true, r.rest.first.signs.data}, x, workspace);
  } else {
    detail::transform_each_row(on, r, x, workspace);
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
