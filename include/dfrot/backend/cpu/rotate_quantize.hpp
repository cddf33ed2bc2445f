#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/backend/cpu/short_rotation.hpp>
#include <dfrot/backend/cpu/sinks.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// rotate_quantize() with any way to rotate a row: rotate(row, workspace of n values). Each part of the rows has a row of the
/// workspace, small enough for the first or second cache: the rotation writes there, and the codes are made from there.
template <class Arch, quantization_scheme Scheme, storage T, class Sink, class Rotate>
[[nodiscard]] std::size_t rotate_quantize_in_parts(basic_policy<Arch> const& on, Scheme const& scheme,
                                                   matrix_view<T const> x, Sink const& out,
                                                   vector_view<arithmetic_t<T>> workspace, Rotate const& rotate) {
  using Real = arithmetic_t<T>;
  first_row bad_row;
  for_row_ranges(on, x.rows, x.columns, x.columns, workspace, [&](std::size_t first, std::size_t last, Real* rotated) {
    for (std::size_t i = first; i < last; ++i) {
      rotate(x.row(i), rotated);
      if (!quantize_row<Arch>(scheme, static_cast<Real const*>(rotated), x.columns, i, out,
                              static_cast<Real const*>(nullptr))) [[unlikely]] {
        bad_row.note(i);
      }
    }
  });
  return bad_row.value();
}

}  // namespace detail

/// Hook of rotate_quantize(): the transform's last pass writes to the workspace.
/// Returns the first row whose rotation has a non-finite value, or all_finite; such rows' codes are not written.
template <class Arch, quantization_scheme Scheme, storage T, class Sink>
std::size_t rotate_quantize_rows(basic_policy<Arch> const& on, hadamard_order const& order,
                                 vector_view<std::int8_t const> signs, Scheme const& scheme, matrix_view<T const> x,
                                 Sink const& out, vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_task const task{order, false, signs.size == 0 ? nullptr : signs.data};
  std::size_t bad_row = all_finite;
  detail::with_hadamard_to_workspace<float_isa<Arch>, T>(task, [&](auto const& rotate) {
    bad_row = detail::rotate_quantize_in_parts(on, scheme, x, out, workspace, rotate);
  });
  return bad_row;
}

/// The same for a short_rotation: the row is copied, then turned and transformed in the first cache. @param g of G
template <class Arch, quantization_scheme Scheme, storage T, class Sink>
std::size_t rotate_quantize_rows(basic_policy<Arch> const& on, low_rank_view<arithmetic_t<T>> const& g,
                                 hadamard_order const& order, vector_view<std::int8_t const> signs,
                                 Scheme const& scheme, matrix_view<T const> x, Sink const& out,
                                 vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_task const task{order, false, signs.data};
  return detail::rotate_quantize_in_parts(on, scheme, x, out, workspace, [&](T const* row, arithmetic_t<T>* rotated) {
    std::transform(row, row + x.columns, rotated, [](T value) { return load(value); });
    detail::short_rotation_row<float_isa<Arch>>(g, task, rotated);
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
