#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::reference {

/// sum over the group of (x - Q(x))^2, in double, one value after the other.
template <class Grid, storage T>
[[nodiscard]] DFROT_PER_ISA double grid_error(Grid const& grid, T const* x, std::size_t count) {
  double sum = 0;
  for (std::size_t j = 0; j < count; ++j) {
    auto const value = load(x[j]);
    double const difference = static_cast<double>(value) - static_cast<double>(grid.decode(grid.encode(value)));
    sum += difference * difference;
  }
  return sum;
}

/// The grid that a scheme gives to one group of finite values: of its candidates the one with the least squared error.
template <quantization_scheme Scheme, storage T>
[[nodiscard]] DFROT_PER_ISA auto find_grid(Scheme const& scheme, T const* x, std::size_t count) {
  using Real = arithmetic_t<T>;
  Real minimum = 0;
  Real maximum = 0;
  for (std::size_t j = 0; j < count; ++j) {
    minimum = std::min(minimum, load(x[j]));
    maximum = std::max(maximum, load(x[j]));
  }
  auto best = scheme.candidate(minimum, maximum, 0);
  double least = scheme.candidates() > 1 ? grid_error(best, x, count) : 0;
  for (int k = 1; k < scheme.candidates(); ++k) {
    auto const grid = scheme.candidate(minimum, maximum, k);
    double const error = grid_error(grid, x, count);
    if (error < least) {
      least = error;
      best = grid;
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
