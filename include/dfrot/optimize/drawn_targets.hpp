#pragma once

#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// The quantizer of the points that ordinary tokens are drawn to, where those are not the nearest ones:
///   b_ij = Q(y_ij),   scale of a token or group: clip max |y| / 7   (its range, times clip, for asymmetric codes)
/// A token's error grows with the square of its largest value, since the scale does. The nearest point, which has the same
/// largest value, asks for no change of it; a point whose range ends at half of it asks the rotation for smaller ones. Few values
/// of a token are that large, so the pull on the others stays what it was. Unlike that of the nearest points, what is
/// learned so is common to all tokens: those that were not refined with gain nearly as much.
/// @param scheme the quantizer whose error counts; its own clip ratio stays   @param clip in (0, 1]
/// Source: this library; measured in docs/refinement.md.
[[nodiscard]] constexpr int4_scheme drawn_in(int4_scheme scheme, float clip) {
  scheme.scale = scale_rule::max;
  scheme.clip *= clip;
  return scheme;
}

}  // namespace dfrot
