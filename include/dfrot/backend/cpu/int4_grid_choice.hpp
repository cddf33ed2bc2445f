#pragma once

#include <cmath>
#include <cstddef>

#include <dfrot/backend/cpu/isa.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Sums term(j) for j < count in eight running sums, combined in a fixed order: the compiler may keep them in one
/// vector register without changing the result, whatever its width.
template <class Term>
[[nodiscard]] double lane_sum(std::size_t count, Term const& term) {
  constexpr std::size_t lanes = 8;
  double sums[lanes] = {};
  std::size_t j = 0;
  for (; j + lanes <= count; j += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      sums[lane] += term(j + lane);
    }
  }
  for (std::size_t lane = 0; j + lane < count; ++lane) {
    sums[lane] += term(j + lane);
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// The smallest and largest value of a group (0 included), and whether all are finite.
template <class Real>
struct group_range {
  Real minimum = 0;
  Real maximum = 0;
  bool finite = true;
};

/// One pass over a group, in sixteen lanes; v * 0 is NaN for every v that is not finite, and NaN stays.
template <storage T>
[[nodiscard]] group_range<arithmetic_t<T>> find_range(T const* x, std::size_t count) {
  using Real = arithmetic_t<T>;
  constexpr std::size_t lanes = 16;
  Real low[lanes] = {};
  Real high[lanes] = {};
  Real poison[lanes] = {};
  std::size_t j = 0;
  auto const take = [&](std::size_t lane, Real value) {
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
    poison[lane] += value * Real{0};
  };
  for (; j + lanes <= count; j += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      take(lane, load(x[j + lane]));
    }
  }
  for (std::size_t lane = 0; j + lane < count; ++lane) {
    take(lane, load(x[j + lane]));
  }
  group_range<Real> range;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    range.minimum = low[lane] < range.minimum ? low[lane] : range.minimum;
    range.maximum = high[lane] > range.maximum ? high[lane] : range.maximum;
    range.finite = range.finite && poison[lane] == Real{0};
  }
  return range;
}

/// sum over the group of (x - Q(x))^2 in double.
template <storage T>
[[nodiscard]] double grid_error(int4_grid<arithmetic_t<T>> const& grid, T const* x, std::size_t count) {
  return lane_sum(count, [&](std::size_t j) {
    auto const value = load(x[j]);
    double const difference = static_cast<double>(value) - static_cast<double>(grid.decode(grid.encode(value)));
    return difference * difference;
  });
}

/// A grid, or the news that the group has a non-finite value.
template <class Real>
struct chosen_grid {
  int4_grid<Real> grid;
  bool finite = true;
};

/// The grid that a scheme gives to one group: from its range, or by trying the clip ratios of clip_search.
/// No grid is chosen (finite = false) for a group with a non-finite value.
template <storage T>
[[nodiscard]] chosen_grid<arithmetic_t<T>> choose_grid(int4_scheme const& scheme, T const* x, std::size_t count) {
  using Real = arithmetic_t<T>;
  group_range<Real> const range = find_range(x, count);
  if (!range.finite) {
    return {{}, false};
  }
  Real const clip = static_cast<Real>(scheme.clip);
  int4_grid<Real> best = grid_from_range(scheme, range.minimum, range.maximum, clip);
  if (scheme.scale == scale_rule::search) {
    double least = grid_error(best, x, count);
    for (int candidate = 1; candidate < clip_search::candidates; ++candidate) {
      Real const ratio = clip_search::ratio<Real>(candidate);
      int4_grid<Real> const grid = grid_from_range(scheme, range.minimum, range.maximum, clip * ratio);
      double const error = grid_error(grid, x, count);
      if (error < least) {
        least = error;
        best = grid;
      }
    }
  }
  return {best, true};
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
