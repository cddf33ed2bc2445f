#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/scheme.hpp>

// The closed-form targets of refine_short(). Internal to optimize.
namespace dfrot::detail {

/// The levels of a pinned vertex, in steps of the scale: the ends of a grid, and the level next to them.
struct vertex_levels {
  double level = 6;
  double highest = 7;
  /// Its magnitude.
  double lowest = 7;
  /// Pins both ends of the range, each by itself; false: one channel a group.
  bool both = false;
};

[[nodiscard]] inline vertex_levels levels_of(int4_scheme const& scheme) {
  return scheme.symmetric ? vertex_levels{}
                          : vertex_levels{6, 7, 8, true};  // steps of asymmetric codes begin at -8 then
}

/// Of any scheme, from the values of the grid of a group within -1 … 1.
template <quantization_scheme Scheme>
[[nodiscard]] vertex_levels levels_of(Scheme const& scheme) {
  auto const grid = scheme.template candidate<double>(-1, 1, 0);
  double values[16];
  for (int nibble = 0; nibble < 16; ++nibble) {
    values[nibble] = grid.decode(scheme.code_of(nibble)) / std::abs(grid.scale);
  }
  std::sort(std::begin(values), std::end(values));
  double const highest = values[15];
  double const next =
      *std::max_element(std::begin(values), std::lower_bound(std::begin(values), std::end(values), highest));
  return {next, highest, scheme.by_magnitude() ? highest : -values[0], !scheme.by_magnitude()};
}

/// Moves one group of values to its nearest pinned vertex. For INT4: 6 sign(y_j), and 7 sign(y_j) for the largest value; for
/// asymmetric codes, 7 for the largest and -8 for the lowest. Pinned channels grow by 1 / clip, so that they end the clipped range.
inline void pin_vertex(vertex_levels const& levels, double clip, double* y, std::size_t count) {
  double* const highest = std::max_element(y, y + count);
  double* const lowest = std::min_element(y, y + count);
  bool const up = *highest > -*lowest;
  bool const has_highest = levels.both ? *highest > 0 : up;
  bool const has_lowest = levels.both ? *lowest < 0 : !up;
  std::transform(y, y + count, y, [&](double value) { return value < 0 ? -levels.level : levels.level; });
  if (has_highest) {
    *highest = levels.highest / clip;
  }
  if (has_lowest) {
    *lowest = -levels.lowest / clip;
  }
}

/// Points near the rows of y, and as long, that quantize without error, and nearly so under noise: vertices of the hypercube,
/// all channels +-a, with one pinned channel a group that is larger by a step. The pinned channel alone decides the scale. At a
/// vertex without one, all channels do, and the largest of n noises stretches the scale of all. A level within the range rounds
/// noise away.
/// @param scheme the quantizer   @param y (p x n)   Complexity: O(p n).
template <quantization_scheme Scheme>
[[nodiscard]] matrix<double> pinned_vertices(Scheme const& scheme, matrix<double> const& y) {
  matrix<double> vertices = y;
  vertex_levels const levels = levels_of(kernel_scheme(scheme));
  double clip = 1;
  if constexpr (requires { scheme.clip; }) {
    clip = static_cast<double>(scheme.clip);
  }
  std::size_t const n = y.columns();
  std::size_t const group = group_size(scheme, n);
  for (std::size_t i = 0; i < y.rows(); ++i) {
    double* const row = &vertices(i, 0);
    double length = 0;
    for (std::size_t j = 0; j < n; ++j) {
      length += row[j] * row[j];
    }
    for (std::size_t first = 0; first < n; first += group) {
      pin_vertex(levels, clip, row + first, std::min(group, n - first));
    }
    double steps = 0;
    for (std::size_t j = 0; j < n; ++j) {
      steps += row[j] * row[j];
    }
    double const scale = std::sqrt(length / steps);
    std::transform(row, row + n, row, [scale](double level) { return scale * level; });
  }
  return vertices;
}

}  // namespace dfrot::detail
