#pragma once

#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot {

/// Scales in 16 bits, as checkpoints of other programs keep them (a scale_storage). Codes are made with the rounded scale.
///   stored = range / target rounded to Number, to nearest, ties to even; with its sign;   1 for a range of 0
///   |stored| is at least 2^-24 (half) or 2^-126 (bfloat16), and at most the largest Number
/// A scale that saturates cuts its group's values, and in half a scale below 2^-14 is coarse: it is a multiple of 2^-24.
/// @tparam Number half or bfloat16   Rows of double: the quotient is rounded to float first.
template <class Number>
struct rounded_scale {
  static_assert(std::is_same_v<Number, half> || std::is_same_v<Number, bfloat16>);

  template <class Real>
  using stored_type = Number;
  static constexpr int choices = 1;
  static constexpr bool keeps_sign = true;
  static constexpr float margin = 0x1p100F;  // saturated scales bound nothing

  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Number store(Real range, Real target, int /*choice*/) const {
    DFROT_EXACT_MATH
    if (range == 0) {
      return Number(1.0F);
    }
    constexpr auto least = static_cast<Real>(std::is_same_v<Number, half> ? 0x1p-24F : 0x1p-126F);
    constexpr auto most = static_cast<Real>(largest_finite<Number>);
    Real const wanted = range / target;
    Real const size = wanted < 0 ? -wanted : wanted;
    Real const inside = size < least ? least : (size > most ? most : size);
    return Number(static_cast<float>(wanted < 0 ? -inside : inside));
  }
  /// Exact.
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real load(Number stored) const {
    return static_cast<Real>(static_cast<float>(stored));
  }
};

using float16_scale = rounded_scale<half>;
using bfloat16_scale = rounded_scale<bfloat16>;

}  // namespace dfrot
