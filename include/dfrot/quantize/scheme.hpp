#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot {

/// How the scale of a group is found.
enum class scale_rule : std::uint8_t {
  max,     ///< from the largest magnitude (or the range) of the group, times clip
  search,  ///< the best of 17 clip ratios between 1 and 0.6, times clip, by squared error; the larger ratio wins a tie
};

/// 4-bit integer quantization of rows: what is shared by quantize, dequantize, unpack and the token errors.
/// A row (a token, or an output channel of a weight) has one scale, or one per `group` consecutive columns; the last
/// group may be shorter.
struct int4_scheme {
  bool symmetric = true;               ///< codes -8 … 7 without, or 0 … 15 with a zero point
  std::size_t group = 0;               ///< columns that share a scale; 0: the whole row
  float clip = 1.0F;                   ///< in (0, 1]: the range is shrunk by this ratio before the scale is taken
  scale_rule scale = scale_rule::max;  ///< how the scale is found
};

/// Columns that share a scale in rows of the given length.
[[nodiscard]] DFROT_PER_ISA constexpr std::size_t group_size(int4_scheme const& scheme, std::size_t columns) {
  return scheme.group == 0 || scheme.group > columns ? columns : scheme.group;
}

/// Scales per row of the given length: ceil(columns / group size); 0 for empty rows.
[[nodiscard]] DFROT_PER_ISA constexpr std::size_t group_count(int4_scheme const& scheme, std::size_t columns) {
  std::size_t const size = group_size(scheme, columns);
  return size == 0 ? 0 : (columns + size - 1) / size;
}

/// Checks a scheme. Throws: std::invalid_argument if clip is not in (0, 1].
DFROT_PER_ISA inline void check_scheme(int4_scheme const& scheme) {
  expects(scheme.clip > 0.0F && scheme.clip <= 1.0F, "int4_scheme: clip is ", scheme.clip, "; it must be in (0, 1]");
}

/// The grid of one group whose values lie in [minimum, maximum], for a given clip ratio.
/// @pre minimum <= 0 <= maximum, both finite   Complexity: O(1).
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> grid_from_range(int4_scheme const& scheme, Real minimum,
                                                                          Real maximum, Real clip) {
  if (scheme.symmetric) {
    return symmetric_grid(-minimum > maximum ? -minimum : maximum, clip);
  }
  return asymmetric_grid(minimum, maximum, clip);
}

/// The grid of one group whose scale and zero point are known. @pre scale as grid_from_range() gave it   Complexity: O(1).
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> grid_from_scale(int4_scheme const& scheme, Real scale,
                                                                          int zero_point) {
  DFROT_EXACT_MATH
  return {scale, Real{1} / scale, scheme.symmetric ? 0 : zero_point, scheme.symmetric ? -8 : 0,
          scheme.symmetric ? 7 : 15};
}

/// How many steps of its grid the largest value of a group can lie from 0: max|x| <= reach * scale.
/// Just above 7 if the scale is that of the largest magnitude; more if the range is clipped or searched for.
[[nodiscard]] DFROT_HOST_DEVICE constexpr float grid_reach(int4_scheme const& scheme) {
  float const least_ratio =
      scheme.scale == scale_rule::search ? clip_search::ratio<float>(clip_search::candidates - 1) : 1.0F;
  return (scheme.symmetric ? 7.01F : 15.02F) / (scheme.clip * least_ratio);
}

/// Rows quantized to 4 bits, one code a byte: x is about scale * (code - zero_point) with the scale and zero point of
/// its group. Views only; see packed_columns() and pack() for two codes a byte. codes: m x n;   scales: m x
/// group_count;   zero_points: m x group_count, or empty for a symmetric scheme.
template <class Code, class Real, class Space = host_space>
struct quantized_view {
  matrix_view<Code, Space> codes;
  matrix_view<Real, Space> scales;
  matrix_view<Code, Space> zero_points;
};

}  // namespace dfrot
