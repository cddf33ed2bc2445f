#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/codes/grid_error.hpp>
#include <dfrot/backend/cpu/codes/group_range.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// The best grid of those that clip_search tries, by squared error; the larger ratio wins a tie.
/// Sums are rounded otherwise than those of the reference, so that two ratios of nearly the same error may change places.
template <class Arch, storage T>
[[nodiscard]] int4_grid<arithmetic_t<T>> search_grid(int4_scheme const& scheme,
                                                     group_range<arithmetic_t<T>> const& range, T const* x,
                                                     std::size_t count) {
  using Real = arithmetic_t<T>;
  auto const candidate_grid = [&](int candidate) {
    Real const ratio = clip_search::ratio<Real>(candidate);
    return grid_from_range(scheme, range.minimum, range.maximum, static_cast<Real>(scheme.clip) * ratio);
  };
  static_assert(clip_search::candidates % 2 == 1);
  int4_grid<Real> best = candidate_grid(0);
  double least = sum_errors<Arch, false>(std::array{best}, x, count).squared_error[0];
  for (int candidate = 1; candidate < clip_search::candidates; candidate += 2) {
    std::array const pair{candidate_grid(candidate), candidate_grid(candidate + 1)};
    auto const errors = sum_errors<Arch, false>(pair, x, count).squared_error;
    for (std::size_t p = 0; p < 2; ++p) {
      if (errors[p] < least) {
        least = errors[p];
        best = pair[p];
      }
    }
  }
  return best;
}

/// Chooses the grid that a scheme gives to one group, from its range or by trying the clip ratios of clip_search, and calls
/// use(grid). No grid is chosen for a group with a non-finite value: returns false.
/// (A grid that came from one place or another would be read from memory, right after it was written there in parts, which
/// costs as much as a hundred values: hence a call for each, and inlined.)
template <class Arch, storage T, class Use>
[[nodiscard]] DFROT_CPU_INLINE inline bool choose_grid(int4_scheme const& scheme, T const* x, std::size_t count,
                                                       Use const& use) {
  using Real = arithmetic_t<T>;
  group_range<Real> const range = scheme.symmetric ? find_absmax<Arch>(x, count) : find_range<Arch>(x, count);
  if (!range.finite) [[unlikely]] {
    return false;
  }
  if (scheme.scale == scale_rule::search) {
    use(search_grid<Arch>(scheme, range, x, count));
  } else {
    use(grid_from_range(scheme, range.minimum, range.maximum, static_cast<Real>(scheme.clip)));
  }
  return true;
}

/// Calls body(g, first, count) for every group of a row: its number, its first column, its columns.
template <class Body>
void for_each_group(int4_scheme const& scheme, std::size_t columns, Body const& body) {
  std::size_t const group = group_size(scheme, columns);
  for (std::size_t g = 0, first = 0; first < columns; ++g, first += group) {
    body(g, first, std::min(group, columns - first));
  }
}

/// Chooses the grids of all groups of a row, writes their scales and zero points (not for a symmetric scheme), and calls
/// use(grid, first, count) for every group: its grid, its first column, its columns. Where a value of the row is not
/// finite, no grid is used: returns false. (The grid of a row that is one group is used as it comes: to read its scale back,
/// and to divide by it again, would take as long as three hundred values.)
template <class Arch, storage T, class Use>
[[nodiscard]] bool choose_row_grids(int4_scheme const& scheme, T const* x, std::size_t columns, arithmetic_t<T>* scales,
                                    std::int8_t* zero_points, Use const& use) {
  auto const write = [&](std::size_t g, int4_grid<arithmetic_t<T>> const& grid) {
    scales[g] = grid.scale;
    if (!scheme.symmetric) {
      zero_points[g] = static_cast<std::int8_t>(grid.zero_point);
    }
  };
  if (columns > 0 && group_size(scheme, columns) == columns) {
    return choose_grid<Arch>(scheme, x, columns, [&](auto const& grid) {
      write(0, grid);
      use(grid, 0, columns);
    });
  }
  bool finite = true;
  for_each_group(scheme, columns, [&](std::size_t g, std::size_t first, std::size_t count) {
    bool const chosen = choose_grid<Arch>(scheme, x + first, count, [&](auto const& grid) { write(g, grid); });
    finite = finite && chosen;
  });
  if (finite) {
    for_each_group(scheme, columns, [&](std::size_t g, std::size_t first, std::size_t count) {
      use(grid_from_scale(scheme, scales[g], scheme.symmetric ? 0 : zero_points[g]), first, count);
    });
  }
  return finite;
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
