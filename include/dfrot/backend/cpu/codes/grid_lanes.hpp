#pragma once

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// An int4_grid<float> in registers. One fused multiply-add rounds the unrounded product of x and the reciprocal scale:
/// the codes of int4_grid to the bit. Not for portable, whose fma() may round twice.
template <class Arch>
struct grid_lanes {
  using lanes = float_lanes<Arch>;
  static constexpr bool keeps_zero = true;  ///< whether 0 is sure to be a value

  lanes scale;
  lanes inverse_scale;
  lanes magic;
  lanes lowest;
  lanes highest;

  explicit grid_lanes(int4_grid<float> const& grid)
      : scale(lanes::broadcast(grid.scale)),
        inverse_scale(lanes::broadcast(grid.inverse_scale)),
        magic(lanes::broadcast(rounding_magic)),
        lowest(lanes::broadcast(rounding_magic + static_cast<float>(grid.lowest - grid.zero_point))),
        highest(lanes::broadcast(rounding_magic + static_cast<float>(grid.highest - grid.zero_point))) {}

  /// rounding_magic + code - zero point: the code stands in the low bits. Products beyond 2^22 are not exact, but lie
  /// beyond the grid's ends, to which they are clamped. @pre Clamp, or x lies within half a step of the grid's ends
  template <bool Clamp>
  [[nodiscard]] lanes place(lanes x) const {
    lanes const placed = fma(x, inverse_scale, magic);
    if constexpr (Clamp) {
      return min(max(placed, lowest), highest);
    } else {
      return placed;
    }
  }

  /// x rounded to the grid: decode(encode(x)).
  template <bool Clamp>
  [[nodiscard]] lanes round(lanes x) const {
    return scale * (place<Clamp>(x) - magic);
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
