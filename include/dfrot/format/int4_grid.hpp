#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot {

namespace detail {

/// Adding 1.5 * 2^52 to a value below 2^51 leaves no bit for its fraction.
inline constexpr double rounds_to_integers = 0x1.8p52;

/// Rounds to the nearest integer, ties to even, for |value| < 2^51.
[[nodiscard]] DFROT_HOST_DEVICE constexpr double round_half_even(double value) {
  DFROT_EXACT_MATH
  return (value + rounds_to_integers) - rounds_to_integers;
}

}  // namespace detail

/// The sixteen values that one group of channels is rounded to: scale * (code - zero_point), code = lowest … highest.
///   encode(x) = clamp(round(x / scale) + zero_point, lowest, highest),   round half to even
/// The division is a multiplication by the rounded reciprocal, and their product is not rounded before round() (it is
/// exact in double for float x): this fixes every code to the bit, with or without fused multiply-add. Real is float or
/// double. Trivially copyable. A scale may be negative (see signed_range).
template <class Real>
struct int4_grid {
  Real scale = 1;
  Real inverse_scale = 1;
  int zero_point = 0;
  int lowest = -8;
  int highest = 7;

  /// What is written for the scale: itself.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real stored() const { return scale; }

  /// The code nearest to x. @pre x finite
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::int8_t encode(Real x) const {
    DFROT_EXACT_MATH
    double const low = lowest - zero_point;
    double const high = highest - zero_point;
    double const exact = static_cast<double>(x) * static_cast<double>(inverse_scale);
    double const inside = exact < low ? low : (exact > high ? high : exact);
    return static_cast<std::int8_t>(static_cast<int>(detail::round_half_even(inside)) + zero_point);
  }

  /// The value that a code stands for; the largest one of Real where that is beyond it.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real decode(int code) const {
    constexpr Real most = largest_finite<Real>;
    Real const value = decode_unbounded(code);
    if (scale <= most &&
        scale >=
            -most) {  // not so if it is infinite or NaN, and was not found by symmetric_grid() or asymmetric_grid()
      return value > most ? most : (value < -most ? -most : value);
    }
    return value;
  }

  /// The same without bounds: infinite beyond the largest number of Real. @pre !reaches_beyond<Real>(), for decode()'s value
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real decode_unbounded(int code) const {
    return scale * static_cast<Real>(code - zero_point);
  }

  /// True if a code may stand for more than the largest finite value of T. @pre zero_point in lowest … highest
  template <class T>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr bool reaches_beyond() const {
    constexpr auto most = static_cast<double>(largest_finite<T>) < static_cast<double>(largest_finite<Real>)
                              ? static_cast<Real>(largest_finite<T>)
                              : largest_finite<Real>;
    return (scale < 0 ? -scale : scale) * static_cast<Real>(highest + 1) > most;
  }
};

namespace detail {

/// A constant, since devices cannot call functions of the standard library.
template <class Real>
inline constexpr Real smallest_normal = std::numeric_limits<Real>::min();

/// A scale below the smallest normal number has no finite reciprocal: such a group counts as zero, and has scale 1.
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr Real usable_scale(Real scale) {
  return scale >= smallest_normal<Real> ? scale : Real{1};
}

/// round(-low / scale), of a product that is rounded once, as encode() does for float: written as a product and a sum,
/// compilers fuse the two in double or do not.
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr int zero_point_for(Real low, Real inverse_scale) {
  double const zero =
      std::fma(-static_cast<double>(low), static_cast<double>(inverse_scale), rounds_to_integers) - rounds_to_integers;
  return static_cast<int>(zero);
}

}  // namespace detail

/// The grid for values of both signs: scale = clip * max|x| / 7, codes -8 … 7, zero point 0.
/// A group of zeros (or of numbers so small that 1 / scale overflows) has scale 1, and all its codes are 0.
/// @param absmax max|x| of the group, finite, >= 0   @param clip in (0, 1]
/// Complexity: O(1).   Source: Xiang, Zhang, arXiv 2412.00648, section 3 (the quantizer in the loop).
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> symmetric_grid(Real absmax, Real clip) {
  DFROT_EXACT_MATH
  int4_grid<Real> grid;
  grid.scale = detail::usable_scale(clip * absmax / Real{7});
  grid.inverse_scale = Real{1} / grid.scale;
  return grid;
}

/// The grid for values that lie unevenly about zero: scale = clip * (max - min) / 15, zero_point = round(-clip * min /
/// scale), codes 0 … 15. The range is widened to include 0, so that 0 is represented exactly.
/// @param minimum <= maximum of the group, finite
/// @param clip in (0, 1]
/// Complexity: O(1).   Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (activations and KV cache).
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> asymmetric_grid(Real minimum, Real maximum, Real clip) {
  DFROT_EXACT_MATH
  Real const low = minimum < Real{0} ? clip * minimum : Real{0};
  Real const high = maximum > Real{0} ? clip * maximum : Real{0};
  int4_grid<Real> grid;
  // Halved before the subtraction: max - min of large numbers would overflow.
  grid.scale = detail::usable_scale((high * Real(0.5) - low * Real(0.5)) / Real(7.5));
  grid.inverse_scale = Real{1} / grid.scale;
  grid.zero_point = detail::zero_point_for(low, grid.inverse_scale);
  grid.lowest = 0;
  grid.highest = 15;
  return grid;
}

/// The clip ratios that a scale search tries, largest first: 1, 0.975, … 0.6, each times the scheme's own clip.
struct clip_search {
  static constexpr int candidates = 17;
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr Real ratio(int candidate) {
    DFROT_EXACT_MATH
    return Real{1} - static_cast<Real>(candidate) / Real{40};
  }
};

}  // namespace dfrot
