#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/codes/grid_error.hpp>
#include <dfrot/backend/cpu/codes/group_range.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// The best of a scheme's candidates, by squared error; the first of equals wins.
/// Sums are rounded otherwise than those of the reference, so that two candidates of nearly the same error may change places.
template <class Arch, quantization_scheme Scheme, storage T>
[[nodiscard]] auto search_grid(Scheme const& scheme, group_range<arithmetic_t<T>> const& range, T const* x,
                               std::size_t count) {
  using Real = arithmetic_t<T>;
  auto const candidate = [&](int k) { return scheme.template candidate<Real>(range.minimum, range.maximum, k); };
  auto best = candidate(0);
  double least = sum_errors<Arch, false>(std::array{best}, x, count).squared_error[0];
  auto const try_grids = [&](auto const& grids) {
    auto const errors = sum_errors<Arch, false>(grids, x, count).squared_error;
    for (std::size_t p = 0; p < grids.size(); ++p) {
      if (errors[p] < least) {
        least = errors[p];
        best = grids[p];
      }
    }
  };
  int const candidates = scheme.candidates();
  int k = 1;
  for (; k + 1 < candidates; k += 2) {  // in pairs: a value is read and widened once for both
    try_grids(std::array{candidate(k), candidate(k + 1)});
  }
  if (k < candidates) {
    try_grids(std::array{candidate(k)});
  }
  return best;
}

/// Finds the grid that a scheme gives to one group and calls use(grid). There is none for a group with a non-finite value:
/// returns false.
/// (A grid that came from one place or another would be read from memory, right after it was written there in parts, which
/// costs as much as a hundred values: hence a call for each, and inlined.)
template <class Arch, quantization_scheme Scheme, storage T, class Use>
[[nodiscard]] DFROT_CPU_INLINE inline bool find_grid(Scheme const& scheme, T const* x, std::size_t count,
                                                     Use const& use) {
  using Real = arithmetic_t<T>;
  group_range<Real> const range = scheme.by_magnitude() ? find_absmax<Arch>(x, count) : find_range<Arch>(x, count);
  if (!range.finite) [[unlikely]] {
    return false;
  }
  if (scheme.candidates() > 1) {
    use(search_grid<Arch>(scheme, range, x, count));
  } else {
    use(scheme.template candidate<Real>(range.minimum, range.maximum, 0));
  }
  return true;
}

/// Calls body(g, first, count) for every group of a row: its number, its first column, its columns.
template <quantization_scheme Scheme, class Body>
void for_each_group(Scheme const& scheme, std::size_t columns, Body const& body) {
  std::size_t const group = group_size(scheme, columns);
  for (std::size_t g = 0, first = 0; first < columns; ++g, first += group) {
    body(g, first, std::min(group, columns - first));
  }
}

/// Finds the grids of all groups of a row, writes their scales and zero points (if the scheme has any), and calls
/// use(grid, first, count) for every group: its grid, its first column, its columns. Where a value of the row is not
/// finite, no grid is used: returns false. (The grid of a row that is one group is used as it comes: to read its scale back,
/// and to divide by it again, would take as long as three hundred values.)
template <class Arch, quantization_scheme Scheme, storage T, class Use>
[[nodiscard]] bool find_row_grids(Scheme const& scheme, T const* x, std::size_t columns,
                                  typename Scheme::template scale_type<arithmetic_t<T>>* scales,
                                  std::int8_t* zero_points, Use const& use) {
  using Real = arithmetic_t<T>;
  auto const write = [&](std::size_t g, auto const& grid) {
    scales[g] = grid.stored();
    if (scheme.has_zero_points()) {
      zero_points[g] = static_cast<std::int8_t>(grid.zero_point);
    }
  };
  if (columns > 0 && group_size(scheme, columns) == columns) {
    return find_grid<Arch>(scheme, x, columns, [&](auto const& grid) {
      write(0, grid);
      use(grid, 0, columns);
    });
  }
  bool finite = true;
  for_each_group(scheme, columns, [&](std::size_t g, std::size_t first, std::size_t count) {
    bool const found = find_grid<Arch>(scheme, x + first, count, [&](auto const& grid) { write(g, grid); });
    finite = finite && found;
  });
  if (finite) {
    for_each_group(scheme, columns, [&](std::size_t g, std::size_t first, std::size_t count) {
      use(scheme.template grid<Real>(scales[g], scheme.has_zero_points() ? zero_points[g] : 0), first, count);
    });
  }
  return finite;
}

/// True if every value of a row is finite.
template <class Arch, storage T>
[[nodiscard]] bool finite_row(T const* x, std::size_t columns) {
  return find_absmax<Arch>(x, columns).finite;
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
