#pragma once

// A format that the library does not have, put together as docs/writing-a-format.md says.

#include <array>
#include <cstdint>
#include <dfrot/quantize/block_scheme.hpp>

namespace own {

// [element]
/// Signed integers of three bits, in nibbles whose upper bit is not looked at.
struct int3 {
  static constexpr float lowest() { return -4; }
  static constexpr float highest() { return 3; }

  /// Round half to even, and stay within the ends.
  static constexpr int encode(double ratio) {
    double const inside = ratio < -4 ? -4 : (ratio > 3 ? 3 : ratio);
    int const below = static_cast<int>(inside + 4) - 4;
    double const rest = inside - below;
    return rest > 0.5 || (rest == 0.5 && below % 2 != 0) ? below + 1 : below;
  }
  static constexpr float value(int code) { return static_cast<float>(code); }
  static constexpr int code_of(int nibble) { return ((nibble & 7) ^ 4) - 4; }

  // Integers times a unit: only for products of codes.
  static constexpr float unit = 1;
  static constexpr std::array<std::int8_t, 16> integers{0, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1};
};
static_assert(dfrot::integer_element<int3>);
// [element]

// [range]
/// The mean size of the two ends: a group with one large value gives it up in part, for a finer scale.
struct mean_of_ends_range {
  static constexpr bool signs_scales = false;
  static constexpr int candidates() { return 1; }
  static constexpr bool by_magnitude() { return false; }

  template <class Element, class Real>
  constexpr dfrot::wanted_range<Real> want(Element const& element, Real minimum, Real maximum, Real clip,
                                           int /*k*/) const {
    return {clip * (maximum * Real(0.5) - minimum * Real(0.5)), static_cast<Real>(element.highest()), 0};
  }
  /// Where one end is 0, the other is twice what the scale is made for.
  template <class Element>
  constexpr float reach(Element const& element, float clip) const {
    return 2.01F * element.highest() / clip;
  }
};
static_assert(dfrot::range_rule<mean_of_ends_range>);
// [range]

// [scheme]
using int3_blocks = dfrot::block_scheme<int3, dfrot::real_scale, mean_of_ends_range, 32>;
// [scheme]

// [whole]
/// Signs and zeros, whose scale is a group's largest value: a scheme without the three parts.
struct ternary {
  std::size_t group = 64;

  template <class Real>
  struct grid_type {
    Real scale;
    static constexpr int zero_point = 0;
    constexpr Real stored() const { return scale; }
    constexpr std::int8_t encode(Real x) const { return x > scale / 2 ? 1 : (x < -scale / 2 ? -1 : 0); }
    constexpr Real decode(int code) const { return scale * static_cast<Real>(code); }
  };
  template <class Real>
  using scale_type = Real;

  static constexpr int candidates() { return 1; }
  static constexpr bool by_magnitude() { return true; }
  static constexpr bool has_zero_points() { return false; }
  static constexpr float reach() { return 1.01F; }
  static constexpr int code_of(int nibble) { return (nibble ^ 8) - 8; }

  template <class Real>
  constexpr grid_type<Real> candidate(Real minimum, Real maximum, int /*k*/) const {
    Real const size = -minimum > maximum ? -minimum : maximum;
    return {size > 0 ? size : Real{1}};
  }
  template <class Real>
  constexpr grid_type<Real> grid(Real stored, int /*zero_point*/) const {
    return {stored};
  }
  void check() const {}
};
static_assert(dfrot::quantization_scheme<ternary>);
// [whole]

}  // namespace own
