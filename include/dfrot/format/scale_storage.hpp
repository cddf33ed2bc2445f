#pragma once

#include <concepts>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot {

/// How the scale of a group is kept. An object may hold what the groups of a tensor share; most are empty.
///   stored_type<Real>              what is written for each group
///   store(range, target, choice)   the stored scale that makes target * scale about range; range and target are finite
///   load<Real>(stored)             the scale: finite, with a finite reciprocal, and > 0 where range and target have one sign
///   choices                        how many stored scales are worth trying for one range: choice = 0 … choices - 1
///   keeps_sign                     whether a scale may be negative
///   margin                         by what factor a stored scale may be less than the wanted one, range / target
template <class S>
concept scale_storage = std::is_trivially_copyable_v<S> &&
    requires(S const& s, float range, typename S::template stored_type<float> stored, int choice) {
  { S::choices } -> std::convertible_to<int>;
  { S::keeps_sign } -> std::convertible_to<bool>;
  { S::margin } -> std::convertible_to<float>;
  { s.store(range, range, choice) } -> std::same_as<typename S::template stored_type<float>>;
  { s.template load<float>(stored) } -> std::same_as<float>;
};

/// Scales of the arithmetic's own type: float, or double for rows of double.
struct real_scale {
  template <class Real>
  using stored_type = Real;
  static constexpr int choices = 1;
  static constexpr bool keeps_sign = true;
  static constexpr float margin = 1;

  /// range / target; 1 for a scale whose reciprocal is not finite.
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real store(Real range, Real target, int /*choice*/) const {
    DFROT_EXACT_MATH
    Real const scale = range / target;
    return (scale < 0 ? -scale : scale) >= detail::smallest_normal<Real> ? scale : Real{1};
  }
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real load(Real stored) const {
    return stored;
  }
};

}  // namespace dfrot
