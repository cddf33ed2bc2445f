#pragma once

#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// The quantizer of the points that ordinary tokens are drawn to, where those are not the nearest ones:
///   b_ij = Q(y_ij),   scale of a token or group: clip max |y| / 7   (its range, times clip, for asymmetric codes)
/// A token's error is about n s^2 / 12 with the scale s = max |y| / 7, so it grows with the square of the largest value. The
/// nearest point has the same largest value and asks nothing of it. A point whose range ends at `clip` of it asks the
/// rotation to bring in what lies beyond (at half the range of 1,024 normal values, one in ten), and leaves the others
/// nearly where they are, on a finer grid. What the rotation learns so holds for tokens that it was not refined with, too.
/// @param scheme the quantizer whose error counts; its own clip ratio stays   @param clip in (0, 1]
/// Source: this library; measured in docs/refinement.md.
[[nodiscard]] constexpr int4_scheme drawn_in(int4_scheme scheme, float clip) {
  scheme.scale = scale_rule::max;
  scheme.clip *= clip;
  return scheme;
}

/// The same for any scheme: one that has a clip is clipped, its range rule stays; for others, the nearest points are drawn to.
template <quantization_scheme Scheme>
[[nodiscard]] constexpr Scheme drawn_in(Scheme scheme, float clip) {
  if constexpr (requires { scheme.clip *= clip; }) {
    scheme.clip *= clip;
  }
  return scheme;
}

}  // namespace dfrot
