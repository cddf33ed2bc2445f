#pragma once

#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot {

/// The values that one group of channels is rounded to: scale * element.value(code).
///   encode(x) = element.encode(x / scale)
/// The division is a multiplication by the rounded reciprocal, and for float x their product is exact in double: this fixes
/// every code to the bit. Real is float or double; Stored is the type that scales are kept in. Trivially copyable.
template <class Element, class Stored, class Real>
struct block_grid {
  Real scale = 1;  ///< finite; may be negative where the element's ends differ
  Real inverse_scale = 1;
  Stored stored_scale{};  ///< what is written for the scale
  Element element{};
  static constexpr int zero_point = 0;

  /// What is written for the scale.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Stored stored() const { return stored_scale; }

  /// The code nearest to x. @pre x finite
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::int8_t encode(Real x) const {
    DFROT_EXACT_MATH
    return static_cast<std::int8_t>(element.encode(static_cast<double>(x) * static_cast<double>(inverse_scale)));
  }

  /// The value that a code stands for; the largest one of Real where that is beyond it.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real decode(int code) const {
    constexpr Real most = largest_finite<Real>;
    Real const value = decode_unbounded(code);
    if (is_finite(scale)) {
      return value > most ? most : (value < -most ? -most : value);
    }
    return value;
  }

  /// The same without bounds: infinite beyond the largest number of Real.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real decode_unbounded(int code) const {
    return scale * static_cast<Real>(element.value(code));
  }

  /// True if a code may stand for more than the largest finite value of T.
  template <class T>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr bool reaches_beyond() const {
    double const most = static_cast<double>(largest_finite<T>) < static_cast<double>(largest_finite<Real>)
                            ? static_cast<double>(largest_finite<T>)
                            : static_cast<double>(largest_finite<Real>);
    double const size = static_cast<double>(scale < 0 ? -scale : scale);
    double const low = -static_cast<double>(element.lowest());
    double const high = static_cast<double>(element.highest());
    return size * (low > high ? low : high) > most;
  }
};

}  // namespace dfrot
