#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_run.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// A transform is a function for one row of arithmetic values, in place: transform_row(on, view, row, scratch). Here is how rows
// of any type go through it, and through several.

/// Part after part, while the row is in the first cache.
template <class Arch, class First, class... Rest, applies_parts<basic_policy<Arch>, First, Rest...> Real>
void transform_row(basic_policy<Arch> const& on, chain<First, Rest...> const& parts, Real* row, Real* scratch) {
  transform_row(on, parts.first, row, scratch);
  if constexpr (sizeof...(Rest) > 0) {
    transform_row(on, parts.rest, row, scratch);
  }
}

namespace detail {

/// Any transform, row after row in its arithmetic type, rows spread over threads.
template <class Arch, class V, class T>
void transform_each_row(basic_policy<Arch> const& on, V const& view, matrix_view<T> x,
                        vector_view<arithmetic_t<T>> workspace) {
  using Real = arithmetic_t<T>;
  std::size_t const n = x.columns;
  std::size_t const own = (std::is_same_v<T, Real> ? 0 : n) + scratch_size(view);
  for_row_ranges(on, x.rows, n, own, workspace, [&](std::size_t first, std::size_t last, Real* values) {
    for (std::size_t i = first; i < last; ++i) {
      if constexpr (std::is_same_v<T, Real>) {
        transform_row(on, view, x.row(i), values);
      } else {
        std::transform(x.row(i), x.row(i) + n, values, [](T value) { return load(value); });
        transform_row(on, view, values, values + n);
        store_run<float_isa<Arch>>(values, n, x.row(i));
      }
    }
  });
}

}  // namespace detail

/// Hook of apply() and apply_to_weight(), for any transform. What is done in one step has an overload beside its kernels.
template <class Arch, transform_view V, storage T>
requires has_transform_row<basic_policy<Arch>, V, arithmetic_t<T>>
void transform_rows(basic_policy<Arch> const& on, V const& view, matrix_view<T> x,
                    vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::transform_each_row(on, view, x, workspace);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
