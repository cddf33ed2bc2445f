#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::reference {

/// sum over the group of (x - Q(x))^2, in double, one value after the other.
template <storage T>
[[nodiscard]] DFROT_PER_ISA double grid_error(int4_grid<arithmetic_t<T>> const& grid, T const* x, std::size_t count) {
  double sum = 0;
  for (std::size_t j = 0; j < count; ++j) {
    auto const value = load(x[j]);
    double const difference = static_cast<double>(value) - static_cast<double>(grid.decode(grid.encode(value)));
    sum += difference * difference;
  }
  return sum;
}

/// The grid that a scheme gives to one group of finite values: from its range, or by trying the clip ratios of
/// clip_search.
template <storage T>
[[nodiscard]] DFROT_PER_ISA int4_grid<arithmetic_t<T>> choose_grid(int4_scheme const& scheme, T const* x,
                                                                   std::size_t count) {
  using Real = arithmetic_t<T>;
  Real minimum = 0;
  Real maximum = 0;
  for (std::size_t j = 0; j < count; ++j) {
    minimum = std::min(minimum, load(x[j]));
    maximum = std::max(maximum, load(x[j]));
  }
  Real const clip = static_cast<Real>(scheme.clip);
  int4_grid<Real> best = grid_from_range(scheme, minimum, maximum, clip);
  if (scheme.scale == scale_rule::search) {
    double least = grid_error(best, x, count);
    for (int candidate = 1; candidate < clip_search::candidates; ++candidate) {
      Real const ratio = clip_search::ratio<Real>(candidate);
      int4_grid<Real> const grid = grid_from_range(scheme, minimum, maximum, clip * ratio);
      double const error = grid_error(grid, x, count);
      if (error < least) {
        least = error;
        best = grid;
      }
    }
  }
  return best;
}

/// True if every value of the row is finite.
template <storage T>
[[nodiscard]] DFROT_PER_ISA bool finite_row(T const* x, std::size_t count) {
  return std::all_of(x, x + count, [](T const& value) { return is_finite(value); });
}

}  // namespace dfrot::reference
