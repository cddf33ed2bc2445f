#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// How the scale of a group is found.
enum class scale_rule : std::uint8_t {
  max,     ///< from the largest magnitude (or the range) of the group, times clip
  search,  ///< the best of 17 clip ratios between 1 and 0.6, times clip, by squared error; the larger ratio wins a tie
};

/// 4-bit integers, symmetric or not, by the largest value or searched: the quantization_scheme of programs that choose at run
/// time. Kernels are compiled once for all of its values; every backend has them.
/// A row (a token, or an output channel of a weight) has one scale, or one per `group` consecutive columns; the last
/// group may be shorter.
struct int4_scheme {
  bool symmetric = true;               ///< codes -8 … 7 without, or 0 … 15 with a zero point
  std::size_t group = 0;               ///< columns that share a scale; 0: the whole row
  float clip = 1.0F;                   ///< in (0, 1]: the range is shrunk by this ratio before the scale is taken
  scale_rule scale = scale_rule::max;  ///< how the scale is found

  template <class Real>
  using scale_type = Real;
  template <class Real>
  using grid_type = int4_grid<Real>;

  [[nodiscard]] DFROT_HOST_DEVICE constexpr int candidates() const {
    return scale == scale_rule::search ? clip_search::candidates : 1;
  }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr bool by_magnitude() const { return symmetric; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr bool has_zero_points() const { return !symmetric; }

  /// @pre minimum <= 0 <= maximum, both finite   Complexity: O(1).
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> candidate(Real minimum, Real maximum, int k) const {
    DFROT_EXACT_MATH
    Real const ratio = k == 0 ? static_cast<Real>(clip) : static_cast<Real>(clip) * clip_search::ratio<Real>(k);
    if (symmetric) {
      return symmetric_grid(-minimum > maximum ? -minimum : maximum, ratio);
    }
    return asymmetric_grid(minimum, maximum, ratio);
  }

  /// @pre stored as candidate() gave it   Complexity: O(1).
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> grid(Real stored, int zero_point) const {
    DFROT_EXACT_MATH
    return {stored, Real{1} / stored, symmetric ? 0 : zero_point, symmetric ? -8 : 0, symmetric ? 7 : 15};
  }

  [[nodiscard]] DFROT_HOST_DEVICE constexpr int code_of(int nibble) const {
    return symmetric ? (nibble ^ 8) - 8 : nibble;
  }

  /// Just above 7 if the scale is that of the largest magnitude; more if the range is clipped or searched for.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach() const {
    float const least_ratio =
        scale == scale_rule::search ? clip_search::ratio<float>(clip_search::candidates - 1) : 1.0F;
    return (symmetric ? 7.01F : 15.02F) / (clip * least_ratio);
  }

  /// Throws: std::invalid_argument if clip is not in (0, 1].
  DFROT_PER_ISA void check() const {
    expects(clip > 0.0F && clip <= 1.0F, "int4_scheme: clip is ", clip, "; it must be in (0, 1]");
  }
};

static_assert(quantization_scheme<int4_scheme>);

}  // namespace dfrot
