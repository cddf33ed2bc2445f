#pragma once

#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// 8-bit integers, symmetric, by the largest magnitude:   scale = clip max|x| / 127,   codes -127 … 127
/// Codes stand one a byte, in std::int8_t; products of 4-bit codes do not take them. Zeros, and numbers so small that 1 / scale
/// overflows, have scale 1, and codes of 0.
struct int8_scheme {
  static constexpr int code_bits = 8;

  std::size_t group = 0;  ///< columns that share a scale; 0: the whole row
  float clip = 1.0F;      ///< in (0, 1]: the range is shrunk by this ratio before the scale is taken

  template <class Real>
  using scale_type = Real;
  template <class Real>
  using grid_type = int4_grid<Real>;

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int candidates() { return 1; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool by_magnitude() { return true; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool has_zero_points() { return false; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int code_of(int code) { return code; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach() const { return 127.01F / clip; }

  /// @pre minimum <= 0 <= maximum, both finite   Complexity: O(1).
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> candidate(Real minimum, Real maximum, int /*k*/) const {
    DFROT_EXACT_MATH
    Real const absmax = -minimum > maximum ? -minimum : maximum;
    return grid(detail::usable_scale(static_cast<Real>(clip) * absmax / Real{127}), 0);
  }

  /// @pre stored as candidate() gave it   Complexity: O(1).
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> grid(Real stored, int /*zero_point*/) const {
    DFROT_EXACT_MATH
    return {stored, Real{1} / stored, 0, -127, 127};
  }

  /// Throws: std::invalid_argument if clip is not in (0, 1].
  DFROT_PER_ISA void check() const {
    expects(clip > 0.0F && clip <= 1.0F, "int8_scheme: clip is ", clip, "; it must be in (0, 1]");
  }
};

static_assert(quantization_scheme<int8_scheme>);

}  // namespace dfrot
