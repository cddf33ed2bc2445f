#pragma once

#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot {

/// A floating-point number of eight bits: 1 sign, 4 exponent (bias 7), 3 fraction bits. No infinity; 0x7f and 0xff are NaN.
///   e4m3(x) rounds to nearest, ties to even; beyond 448, infinities included, it is +-448; a NaN stays a NaN.
/// Source: Micikevicius et al., arXiv 2209.05433 (FP8 formats); OCP Microscaling Formats v1.0.
struct e4m3 {
  std::uint8_t bits = 0;

  static constexpr float largest = 448;
  static constexpr float smallest = 0x1p-9F;

  e4m3() = default;
  DFROT_HOST_DEVICE constexpr explicit e4m3(float value) {
    auto const all = detail::bit_cast<std::uint32_t>(value);
    std::uint32_t const magnitude = all & 0x7fffffffU;
    std::uint32_t const exponent = magnitude >> 23U;
    std::uint32_t size = 0;
    if (magnitude > 0x7f800000U) {
      size = 0x7fU;
    } else if (magnitude >= 0x43e00000U) {  // 448
      size = 0x7eU;
    } else if (exponent >= 121U) {  // 2^-6 and above: rebias 127 to 7
      size = detail::shift_round_even(magnitude - (120U << 23U), 20);
    } else if (exponent >= 117U) {  // 2^-10 and above: subnormal, or the tie that rounds to zero
      size = detail::shift_round_even((magnitude & 0x7fffffU) | 0x800000U, 141U - exponent);
    }
    bits = static_cast<std::uint8_t>((all >> 24U & 0x80U) | size);
  }

  /// Exact.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr explicit operator float() const {
    std::uint32_t const size = bits & 0x7fU;
    std::uint32_t number = (size << 20U) + (120U << 23U);
    if (size == 0x7fU) {
      number = 0x7fc00000U;
    } else if (size < 8U) {
      number = detail::bit_cast<std::uint32_t>(static_cast<float>(size) * smallest);
    }
    return detail::bit_cast<float>(number | static_cast<std::uint32_t>(bits & 0x80U) << 24U);
  }
  friend constexpr bool operator==(e4m3, e4m3) = default;
};

/// Scales in e4m3, with one multiplier g for all of a tensor (a scale_storage):
///   stored S = e4m3(g range / target), but never 0;   scale = S / g
/// The multiplier brings the scales of a tensor into the range of e4m3: see for_tensor(). It is part of the scheme, so that
/// whoever reads the codes has to have it, too. Scales that it does not leave room for saturate, and cut their groups' values.
/// Source: the NVFP4 checkpoints of compressed-tensors, which keep g (`weight_global_scale`); others keep 1 / g.
struct e4m3_scale {
  float multiplier = 1;  ///< g: from 2^-117 to 2^116

  template <class Real>
  using stored_type = e4m3;
  static constexpr int choices = 1;
  static constexpr bool keeps_sign = false;
  static constexpr float margin = 0x1p100F;  // saturated scales bound nothing

  /// The multiplier with which the group of the largest magnitude has the largest scale, 448:   g = 448 highest / absmax
  /// For absmax of 0, or below 2^-100, it is 1.
  /// @param absmax of the whole tensor, or of calibration tokens   @param highest of the element: 6 for e2m1
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr e4m3_scale for_tensor(float absmax, float highest = 6) {
    DFROT_EXACT_MATH
    return {absmax >= 0x1p-100F ? e4m3::largest * highest / absmax : 1.0F};
  }

  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr e4m3 store(Real range, Real target, int /*choice*/) const {
    DFROT_EXACT_MATH
    Real const wanted = static_cast<Real>(multiplier) * range / target;
    auto const least = static_cast<Real>(e4m3::smallest);
    auto const most = static_cast<Real>(e4m3::largest);
    return e4m3(static_cast<float>(wanted < least ? least : (wanted > most ? most : wanted)));
  }
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real load(e4m3 stored) const {
    DFROT_EXACT_MATH
    return static_cast<Real>(static_cast<float>(stored)) / static_cast<Real>(multiplier);
  }

  /// Throws: std::invalid_argument for a multiplier with which scales would not be finite, or not have a finite reciprocal.
  DFROT_PER_ISA void check() const {
    expects(multiplier >= 0x1p-117F && multiplier <= 0x1p116F, "e4m3_scale: the multiplier is ", multiplier,
            "; it must be between 2^-117 and 2^116, such as for_tensor() gives");
  }
};

}  // namespace dfrot
