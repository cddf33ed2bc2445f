#pragma once

#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// The quantizer of clipped targets: the points that ordinary tokens are drawn to, with a smaller range than the nearest ones.
///   b_ij = Q(y_ij),   scale of a token or group: clip max |y| / 7   (its range, times clip, for asymmetric codes)
/// A token's error is about n s^2 / 12 with the scale s = max |y| / 7: it grows with the square of the largest value. The nearest
/// point has the same largest value, and so does nothing about it. A target clipped to `clip` of the range pulls outliers
/// inwards (at half the range of 1,024 normal values, one value in ten), and leaves the others nearly where they are, on a finer
/// grid. What the rotation learns from such targets also holds for held-out tokens.
/// @param scheme the quantizer whose error counts; its own clip ratio stays   @param clip in (0, 1]
/// Source: this library; measured in docs/refinement.md.
[[nodiscard]] constexpr int4_scheme clipped_targets(int4_scheme scheme, float clip) {
  scheme.scale = scale_rule::max;
  scheme.clip *= clip;
  return scheme;
}

/// The same for any scheme. One with a clip is clipped, and keeps its range rule; for others, targets are the nearest points.
template <quantization_scheme Scheme>
[[nodiscard]] constexpr Scheme clipped_targets(Scheme scheme, float clip) {
  if constexpr (requires { scheme.clip *= clip; }) {
    scheme.clip *= clip;
  }
  return scheme;
}

}  // namespace dfrot
