#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/reference/int4_grid_choice.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::reference {

/// Hook of token_errors() for 4-bit integers. Returns the first row with a non-finite value, or all_finite.
template <storage T>
std::size_t token_error_rows(policy const& /*on*/, int4_scheme const& scheme, matrix_view<T const> x,
                             vector_view<token_error> out) noexcept {
  std::size_t bad_row = all_finite;
  std::size_t const group = group_size(scheme, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (!finite_row(x.row(i), x.columns)) {
      bad_row = std::min(bad_row, i);
      continue;
    }
    token_error error;
    for (std::size_t first = 0; first < x.columns; first += group) {
      std::size_t const count = std::min(group, x.columns - first);
      error.squared_error += grid_error(choose_grid(scheme, x.row(i) + first, count), x.row(i) + first, count);
    }
    for (std::size_t j = 0; j < x.columns; ++j) {
      double const value = static_cast<double>(load(x(i, j)));
      error.squared_norm += value * value;
    }
    out[i] = error;
  }
  return bad_row;
}

}  // namespace dfrot::reference
