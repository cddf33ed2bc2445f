#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/backend/cpu/short_rotation.hpp>
#include <dfrot/backend/cpu/sinks.hpp>
#include <dfrot/backend/cpu/transform_rows.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_run.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/quantize/transformed_rows.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Calls use(to_row) with to_row(x, row), which leaves the transform of x in a row of arithmetic values with room for the
/// transform's scratch behind it. Any transform: the row is copied, and its parts are applied in the first cache.
template <class T, class Arch, transform_view V, class Use>
void with_transform_to_row(basic_policy<Arch> const& on, V const& view, Use const& use) {
  std::size_t const n = view.size();
  use([&on, &view, n](T const* x, arithmetic_t<T>* row) {
    std::transform(x, x + n, row, [](T value) { return load(value); });
    transform_row(on, view, row, row + n);
  });
}

/// A Hadamard's last pass writes to the row. The kernels are those of whole rows, so that none is compiled twice.
template <class T, class Arch, class Use>
void with_hadamard_to_row(hadamard_view const& h, std::int8_t const* signs, Use const& use) {
  hadamard_task const task{*h.order, h.transpose, signs};
  if (is_whole(h, false)) {
    with_hadamard_to_workspace<Arch, T>(task, use);
  } else {
    use([task, count = h.columns / h.order->size()](T const* x, arithmetic_t<T>* row) {
      hadamard_runs_to_workspace<Arch>(task, x, count, row);
    });
  }
}
template <class T, class Arch, class Use>
void with_transform_to_row(basic_policy<Arch> const& /*on*/, hadamard_view const& h, Use const& use) {
  with_hadamard_to_row<T, float_isa<Arch>>(h, nullptr, use);
}
template <class T, class Arch, class Use>
void with_transform_to_row(basic_policy<Arch> const& /*on*/, chain<signs_view<>, hadamard_view> const& r,
                           Use const& use) {
  with_hadamard_to_row<T, float_isa<Arch>>(r.rest.first, r.first.signs.data, use);
}

/// True if rows of T can become a Sink after a transform.
template <class Sink, class Arch, class Scheme, class T, class V>
concept takes_transformed = has_transform_row<basic_policy<Arch>, V, arithmetic_t<T>> &&
    requires(Scheme const& scheme, arithmetic_t<T> const* row, Sink const& out) {
  quantize_row<Arch>(scheme, row, std::size_t{0}, std::size_t{0}, out, row);
};

}  // namespace detail

/// Hook of rotate_quantize() and of all that takes transformed rows. Each part of the rows has a row of the workspace, small
/// enough for the first or second cache: the transform writes there, and the codes are made from there.
/// Returns the first row whose transform has a non-finite value, or all_finite; such rows get no codes.
template <class Arch, quantization_scheme Scheme, storage T, transform_view V,
          detail::takes_transformed<Arch, Scheme, T, V> Sink>
std::size_t quantize_rows(basic_policy<Arch> const& on, Scheme const& scheme, transformed_rows<T, V> const& rows,
                          Sink const& out) noexcept {
  using Real = arithmetic_t<T>;
  std::size_t const n = rows.x.columns;
  std::size_t const own = n + scratch_size(rows.transform);
  first_row bad_row;
  detail::with_transform_to_row<T>(on, rows.transform, [&](auto const& to_row) {
    for_row_ranges(on, rows.x.rows, n, own, rows.workspace, [&](std::size_t first, std::size_t last, Real* row) {
      for (std::size_t i = first; i < last; ++i) {
        to_row(rows.x.row(i), row);
        if (!quantize_row<Arch>(scheme, static_cast<Real const*>(row), n, i, out, static_cast<Real const*>(nullptr)))
            [[unlikely]] {
          bad_row.note(i);
        }
      }
    });
  });
  return bad_row.value();
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
