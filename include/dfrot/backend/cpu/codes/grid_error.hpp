#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cpu/codes/grid_lanes.hpp>
#include <dfrot/backend/cpu/codes/int4_encode.hpp>
#include <dfrot/backend/cpu/codes/plain_codes.hpp>
#include <dfrot/backend/cpu/codes/threshold_lanes.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/lane_operations.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// What rounding a group to each of several grids costs, and the group's own size.
template <std::size_t Grids>
struct grid_sums {
  std::array<double, Grids> squared_error{};  ///< sum of (x - Q(x))^2
  double squared_norm = 0;                    ///< sum of x^2, if it was asked for
};

namespace detail {

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

/// The plain loops. @tparam Saturated whether a grid may reach beyond the largest number of Real
template <bool WithNorm, bool Saturated, class Grid, std::size_t Grids, storage T>
[[nodiscard]] grid_sums<Grids> sum_errors_in_loops(std::array<Grid, Grids> const& grids, T const* x,
                                                   std::size_t count) {
  using Real = arithmetic_t<T>;
  grid_sums<Grids> sums;
  for (std::size_t g = 0; g < Grids; ++g) {
    sums.squared_error[g] = lane_sum(count, [&grid = grids[g], x](std::size_t j) {
      auto const value = load(x[j]);
      Real nearest = 0;
      // In double, the bounds also keep the compiler from fusing the product with the difference below.
      if constexpr (Saturated || std::is_same_v<Real, double>) {
        nearest = grid.decode(grid.encode(value));
      } else {
        nearest = grid.decode_unbounded(grid.encode(value));
      }
      double const difference = static_cast<double>(value) - static_cast<double>(nearest);
      return difference * difference;
    });
  }
  if constexpr (WithNorm) {
    sums.squared_norm = lane_sum(count, [x](std::size_t j) {
      auto const value = static_cast<double>(load(x[j]));
      return value * value;
    });
  }
  return sums;
}

/// For grids of which one reaches beyond the largest number of Real. (They are copies for the reason given at
/// decode_saturated().)
template <bool WithNorm, std::size_t Grids, class Grid, storage T>
[[nodiscard]] DFROT_CPU_APART grid_sums<Grids> sum_saturated_errors(std::array<Grid, Grids> grids, T const* x,
                                                                    std::size_t count) {
  return sum_errors_in_loops<WithNorm, true>(grids, x, count);
}

/// The same in registers: every value is read and widened once for all grids. @tparam Lanes what rounds to a grid there
template <class Arch, bool WithNorm, class Lanes = grid_lanes<Arch>, class Grid, std::size_t Grids, storage T>
[[nodiscard]] grid_sums<Grids> sum_errors_in_registers(std::array<Grid, Grids> const& grids, T const* x,
                                                       std::size_t count) {
  using lanes = float_lanes<Arch>;
  using doubles = double_lanes<Arch>;
  auto const in_lanes = [&grids]<std::size_t... G>(std::index_sequence<G...>) {
    return std::array<Lanes, Grids>{Lanes(grids[G])...};
  }
  (std::make_index_sequence<Grids>{});
  doubles errors[Grids];
  doubles norm;
  auto const take = [&](lanes value) {
    doubles const exact(value);
    for (std::size_t g = 0; g < Grids; ++g) {
      errors[g].add_square(exact - doubles(in_lanes[g].template round<true>(value)));
    }
    if constexpr (WithNorm) {
      norm.add_square(exact);
    }
  };
  std::size_t j = 0;
  for (; j + lanes::width <= count; j += lanes::width) {
    take(lanes::load(x + j));
  }
  grid_sums<Grids> sums;
  if (Lanes::keeps_zero && j < count) {
    take(lanes::load(x + j, count - j));  // zeros add nothing
  } else if (j < count) {
    sums = sum_errors_in_loops<WithNorm, true>(grids, x + j, count - j);
  }
  for (std::size_t g = 0; g < Grids; ++g) {
    sums.squared_error[g] += errors[g].total();
  }
  sums.squared_norm += norm.total();
  return sums;
}

}  // namespace detail

/// Sums, in one pass over a group, its squared error under each of several grids, and its squared norm.
/// Precision: x - Q(x) is not rounded but for Q itself; sums run in double, in as many lanes as Arch has floats.
/// Determinism: depends on Arch, and on nothing else.
template <class Arch, bool WithNorm, std::size_t Grids, class Real, storage T>
[[nodiscard]] grid_sums<Grids> sum_errors(std::array<int4_grid<Real>, Grids> const& grids, T const* x,
                                          std::size_t count) {
  auto const saturates = [](auto const& grid) { return grid.template reaches_beyond<Real>(); };
  if (std::any_of(grids.begin(), grids.end(), saturates)) [[unlikely]] {
    return detail::sum_saturated_errors<WithNorm>(grids, x, count);
  }
  if constexpr (in_registers<Arch, T>) {
    return detail::sum_errors_in_registers<Arch, WithNorm>(grids, x, count);
  } else {
    return detail::sum_errors_in_loops<WithNorm, false>(grids, x, count);
  }
}

/// The same for grids of other kinds, in registers where table_codes.hpp encodes them.
template <class Arch, bool WithNorm, class Grid, std::size_t Grids, storage T>
requires(!is_int4_grid<Grid>)
    [[nodiscard]] grid_sums<Grids> sum_errors(std::array<Grid, Grids> const& grids, T const* x, std::size_t count) {
  if constexpr (encodes_by_table<Arch, Grid, T>) {
    auto const saturates = [](auto const& grid) { return grid.template reaches_beyond<float>(); };
    if (std::none_of(grids.begin(), grids.end(), saturates)) [[likely]] {
      return detail::sum_errors_in_registers<Arch, WithNorm, detail::threshold_lanes_of<Arch, Grid>>(grids, x, count);
    }
  }
  return detail::sum_saturated_errors<WithNorm>(grids, x, count);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
