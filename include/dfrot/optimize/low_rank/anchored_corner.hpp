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

// What refine_short() draws prototypes to in closed form. Internal to optimize.
namespace dfrot::detail {

/// The levels of an anchored corner of the cube, in steps of the scale: the ends of a grid, and the level next to them.
struct corner_levels {
  double level = 6;
  double highest = 7;
  double lowest = 7;  ///< its magnitude
  bool both = false;  ///< whether the ends are chosen one by one: there is one anchor otherwise
};

[[nodiscard]] inline corner_levels levels_of(int4_scheme const& scheme) {
  return scheme.symmetric ? corner_levels{}
                          : corner_levels{6, 7, 8, true};  // steps of asymmetric codes begin at -8 then
}

/// Of any scheme, from the values of the grid of a group within -1 … 1.
template <quantization_scheme Scheme>
[[nodiscard]] corner_levels levels_of(Scheme const& scheme) {
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

/// One group of values becomes its nearest corner, anchored, for INT4: 6 sign(y_j), but for the largest value, 7 sign(y_j); for
/// asymmetric codes, 7 for the largest and -8 for the lowest. Anchors grow by 1 / clip, so that the clipped range is theirs.
inline void anchor_corner(corner_levels const& levels, double clip, double* y, std::size_t count) {
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

/// Points near the rows of y, and as long, that are quantized without error, and nearly so when noise is added: corners of
/// the cube, all channels +-a, but for an anchor in each group, which is larger by a step. The anchor alone decides the
/// scale. Of a corner without one, all values do, and the largest of n noises would stretch the scale of all of them; and a
/// level within the range rounds noise away.
/// @param scheme the quantizer   @param y (p x n)   Complexity: O(p n).
template <quantization_scheme Scheme>
[[nodiscard]] matrix<double> anchored_corners(Scheme const& scheme, matrix<double> const& y) {
  matrix<double> corners = y;
  corner_levels const levels = levels_of(kernel_scheme(scheme));
  double clip = 1;
  if constexpr (requires { scheme.clip; }) {
    clip = static_cast<double>(scheme.clip);
  }
  std::size_t const n = y.columns();
  std::size_t const group = group_size(scheme, n);
  for (std::size_t i = 0; i < y.rows(); ++i) {
    double* const row = &corners(i, 0);
    double length = 0;
    for (std::size_t j = 0; j < n; ++j) {
      length += row[j] * row[j];
    }
    for (std::size_t first = 0; first < n; first += group) {
      anchor_corner(levels, clip, row + first, std::min(group, n - first));
    }
    double steps = 0;
    for (std::size_t j = 0; j < n; ++j) {
      steps += row[j] * row[j];
    }
    double const scale = std::sqrt(length / steps);
    std::transform(row, row + n, row, [scale](double level) { return scale * level; });
  }
  return corners;
}

}  // namespace dfrot::detail
