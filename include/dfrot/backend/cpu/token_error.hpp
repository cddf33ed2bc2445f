#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cpu/int4_grid_choice.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Hook of token_errors() for 4-bit integers. Returns the first row with a non-finite value, or all_finite.
template <class Arch, storage T>
std::size_t token_error_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, matrix_view<T const> x,
                             vector_view<token_error> out) noexcept {
  std::size_t const group = group_size(scheme, x.columns);
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    token_error error;
    T const* const row = x.row(i);
    for (std::size_t first = 0; first < x.columns; first += group) {
      std::size_t const count = std::min(group, x.columns - first);
      auto const chosen = choose_grid(scheme, row + first, count);
      if (!chosen.finite) {
        return false;
      }
      error.squared_error += grid_error(chosen.grid, row + first, count);
    }
    error.squared_norm = lane_sum(x.columns, [&](std::size_t j) {
      auto const value = static_cast<double>(load(row[j]));
      return value * value;
    });
    out[i] = error;
    return true;
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
