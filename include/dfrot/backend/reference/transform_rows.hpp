#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot::reference {

/// Part after part.
template <class First, class... Rest, applies_parts<policy, First, Rest...> Real>
DFROT_PER_ISA void transform_row(policy const& on, chain<First, Rest...> const& parts, Real* row, Real* scratch) {
  transform_row(on, parts.first, row, scratch);
  if constexpr (sizeof...(Rest) > 0) {
    transform_row(on, parts.rest, row, scratch);
  }
}

/// Hook of apply() and apply_to_weight(), row after row.
template <transform_view V, storage T>
requires has_transform_row<policy, V, arithmetic_t<T>>
void transform_rows(policy const& on, V const& view, matrix_view<T> x,
                    vector_view<arithmetic_t<T>> workspace) noexcept {
  using Real = arithmetic_t<T>;
  for (std::size_t i = 0; i < x.rows; ++i) {
    if constexpr (std::is_same_v<T, Real>) {
      transform_row(on, view, x.row(i), workspace.data);
    } else {
      Real* const row = workspace.data;
      std::transform(x.row(i), x.row(i) + x.columns, row, [](T value) { return load(value); });
      transform_row(on, view, row, row + x.columns);
      std::transform(row, row + x.columns, x.row(i), [](Real value) { return store<T>(value); });
    }
  }
}

}  // namespace dfrot::reference
