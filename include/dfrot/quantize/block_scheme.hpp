#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/format/int4_elements.hpp>
#include <dfrot/format/scale_storage.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/range_rule.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

namespace detail {

/// int4_grid where its kernels can be used, block_grid otherwise.
template <class Element, class Stored, class Real>
struct grid_of {
  using type = block_grid<Element, Stored, Real>;
};
template <class Real>
struct grid_of<s4, Real, Real> {
  using type = int4_grid<Real>;
};
template <class Real>
struct grid_of<u4, Real, Real> {
  using type = int4_grid<Real>;
};

}  // namespace detail

/// A quantization_scheme put together from three parts, chosen at compile time.
///   x is about scale * (value(code) - zero_point),   one scale for `group` columns
/// @tparam Element what a code stands for   @tparam S how a scale is kept   @tparam Range which scale a group gets
/// @tparam Group the columns that share a scale, where the scheme does not say otherwise
/// A new element, storage or rule is a type of its own: no operation changes (docs/writing-a-format.md).
/// Example: examples/02_int4.cpp
template <element_format Element, scale_storage S = real_scale, range_rule Range = max_range, std::size_t Group = 0>
struct block_scheme {
  std::size_t group = Group;  ///< columns that share a scale; 0: the whole row
  float clip = 1.0F;          ///< in (0, 1]: the range is shrunk by this ratio before the scale is taken
  Element element{};
  S storage{};
  Range range{};

  static constexpr bool with_zero_point = element_with_zero_point<Element>;
  static_assert(!with_zero_point || std::is_same_v<S, real_scale>,
                "zero points are for scales that are kept as they are");
  static_assert(!Range::signs_scales || S::keeps_sign,
                "this range rule gives scales a sign, which this storage does not keep: take max_range, or real_scale");

  template <class Real>
  using scale_type = typename S::template stored_type<Real>;
  template <class Real>
  using grid_type = typename detail::grid_of<Element, scale_type<Real>, Real>::type;

  [[nodiscard]] DFROT_HOST_DEVICE constexpr int candidates() const { return range.candidates() * S::choices; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr bool by_magnitude() const { return range.by_magnitude(); }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool has_zero_points() { return with_zero_point; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int code_of(int nibble) { return Element::code_of(nibble); }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach() const { return range.reach(element, clip) * S::margin; }

  /// @pre minimum <= 0 <= maximum, both finite   Complexity: O(1).
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr grid_type<Real> candidate(Real minimum, Real maximum, int k) const {
    DFROT_EXACT_MATH
    wanted_range<Real> const want = range.want(element, minimum, maximum, static_cast<Real>(clip), k / S::choices);
    auto const stored = storage.store(want.range, want.target, k % S::choices);
    if constexpr (with_zero_point) {
      Real const inverse = Real{1} / stored;
      return {stored, inverse, detail::zero_point_for(want.low, inverse), static_cast<int>(element.lowest()),
              static_cast<int>(element.highest())};
    } else {
      return grid<Real>(stored, 0);
    }
  }

  /// @pre stored as candidate() gave it   Complexity: O(1).
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr grid_type<Real> grid(scale_type<Real> stored, int zero_point) const {
    DFROT_EXACT_MATH
    Real const scale = storage.template load<Real>(stored);
    if constexpr (std::is_same_v<grid_type<Real>, int4_grid<Real>>) {
      return {scale, Real{1} / scale, zero_point, static_cast<int>(element.lowest()),
              static_cast<int>(element.highest())};
    } else {
      return {scale, Real{1} / scale, stored, element};
    }
  }

  /// Throws: std::invalid_argument if clip is not in (0, 1], and for a storage that makes no sense.
  DFROT_PER_ISA void check() const {
    expects(clip > 0.0F && clip <= 1.0F, "block_scheme: clip is ", clip, "; it must be in (0, 1]");
    if constexpr (requires { storage.check(); }) {
      storage.check();
    }
  }
};

/// Symmetric INT4 by the largest magnitude: int4_scheme{true, group, clip}, and its kernels.
using int4 = block_scheme<s4>;
/// Asymmetric INT4: int4_scheme{false, group, clip}, and its kernels.
using int4_asymmetric = block_scheme<u4, real_scale, minmax_range>;
/// INT4 whose scales have the sign of the group's largest entry (see signed_range).
using int4_signed = block_scheme<s4, real_scale, signed_range>;
/// The better of int4 and int4_signed for each group.
using int4_signed_or_max = block_scheme<s4, real_scale, signed_or_max_range>;

namespace detail {

/// The scheme that kernels are written for: int4_scheme for its twins among the block schemes, others as they are.
template <quantization_scheme Scheme>
[[nodiscard]] constexpr Scheme const& kernel_scheme(Scheme const& scheme) {
  return scheme;
}
[[nodiscard]] DFROT_PER_ISA constexpr int4_scheme kernel_scheme(int4 const& scheme) {
  return {true, scheme.group, scheme.clip, scale_rule::max};
}
[[nodiscard]] DFROT_PER_ISA constexpr int4_scheme kernel_scheme(int4_asymmetric const& scheme) {
  return {false, scheme.group, scheme.clip, scale_rule::max};
}

}  // namespace detail

}  // namespace dfrot
