#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/max_to_median.hpp>

namespace dfrot::reference {

/// Hook of massive_detector: flags the rows whose upper median is not 0 and may lie below peak / 100. The upper median of n
/// values is at most b if at most n - 1 - n / 2 of them are larger.
template <storage T>
void massive_candidate_rows(policy const& /*on*/, matrix_view<T const> x, vector_view<std::uint8_t> flags) noexcept {
  for (std::size_t i = 0; i < x.rows; ++i) {
    double peak = 0;
    for (std::size_t j = 0; j < x.columns; ++j) {
      peak = std::max(peak, std::fabs(static_cast<double>(load(x(i, j)))));
    }
    double const bound = peak / massive_ratio_floor * (1 + 1e-12);  // the margin covers the rounding of this line
    std::size_t larger = 0;
    std::size_t not_zero = 0;
    for (std::size_t j = 0; j < x.columns; ++j) {
      double const magnitude = std::fabs(static_cast<double>(load(x(i, j))));
      larger += magnitude > bound ? 1 : 0;
      not_zero += magnitude > 0 ? 1 : 0;
    }
    std::size_t const most = x.columns - std::min(x.columns, 1 + x.columns / 2);
    flags[i] = larger <= most && not_zero > most ? 1 : 0;
  }
}

}  // namespace dfrot::reference
