#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/scheme.hpp>

// What refine_short() draws prototypes to in closed form. Internal to optimize.
namespace dfrot::detail {

/// The levels of an anchored corner of the cube, in steps of the scale.
inline constexpr double corner_level = 6;
inline constexpr double highest_anchor = 7;
inline constexpr double lowest_anchor = 8;  ///< of asymmetric codes, whose steps begin at -8 then

/// One group of values becomes its nearest corner, anchored: 6 sign(y_j), but for the largest value, 7 sign(y_j); for
/// asymmetric codes, 7 for the largest and -8 for the lowest. Anchors grow by 1 / clip, so that the clipped range is theirs.
inline void anchor_corner(int4_scheme const& scheme, double* y, std::size_t count) {
  double* const highest = std::max_element(y, y + count);
  double* const lowest = std::min_element(y, y + count);
  bool const up = *highest > -*lowest;
  bool const has_highest = scheme.symmetric ? up : *highest > 0;
  bool const has_lowest = scheme.symmetric ? !up : *lowest < 0;
  std::transform(y, y + count, y, [](double value) { return value < 0 ? -corner_level : corner_level; });
  double const clip = static_cast<double>(scheme.clip);
  if (has_highest) {
    *highest = highest_anchor / clip;
  }
  if (has_lowest) {
    *lowest = -(scheme.symmetric ? highest_anchor : lowest_anchor) / clip;
  }
}

/// Points near the rows of y, and as long, that are quantized without error, and nearly so when noise is added: corners of
/// the cube, all channels +-a, but for an anchor in each group, which is larger by a step. The anchor alone decides the
/// scale. Of a corner without one, all values do, and the largest of n noises would stretch the scale of all of them; and a
/// level within the range rounds noise away.
/// @param scheme the quantizer   @param y (p x n)   Complexity: O(p n).
[[nodiscard]] inline matrix<double> anchored_corners(int4_scheme const& scheme, matrix<double> const& y) {
  matrix<double> corners = y;
  std::size_t const n = y.columns();
  std::size_t const group = group_size(scheme, n);
  for (std::size_t i = 0; i < y.rows(); ++i) {
    double* const row = &corners(i, 0);
    double length = 0;
    for (std::size_t j = 0; j < n; ++j) {
      length += row[j] * row[j];
    }
    for (std::size_t first = 0; first < n; first += group) {
      anchor_corner(scheme, row + first, std::min(group, n - first));
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
