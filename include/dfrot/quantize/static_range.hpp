#pragma once

#include <limits>

#include <dfrot/config.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/range_rule.hpp>

namespace dfrot {

/// A scale that is known before any row is seen: every group has it, and what lies beyond is clipped. After activations were
/// divided by static scales of their channels (smoothing() with alpha 1, folded into the weight), one number is left: no row is read for
/// its range, and no scale enters the sums of a product.
///   scale = `scale`
/// @pre scale > 0, finite, with a finite reciprocal
/// Source: OutlierTune, arXiv 2406.18832.
struct static_range {
  float scale = 1;
  static constexpr bool signs_scales = false;

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int candidates() { return 1; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool by_magnitude() { return true; }
  template <class Element, class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr wanted_range<Real> want(Element const& /*element*/, Real /*minimum*/,
                                                                    Real /*maximum*/, Real /*clip*/,
                                                                    int /*candidate*/) const {
    return {static_cast<Real>(scale), Real{1}, 0};
  }
  template <class Element>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach(Element const& /*element*/, float /*clip*/) const {
    return std::numeric_limits<float>::max();
  }
};

/// INT4 with one scale for everything: int4_static{.range = {scale}}.
using int4_static = block_scheme<s4, real_scale, static_range>;

}  // namespace dfrot
