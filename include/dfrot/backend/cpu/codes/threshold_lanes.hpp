#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/codes/code_lanes.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/element.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// A block_grid of a threshold_element in registers, as grid_lanes is one of int4_grid: the codes of block_grid to the bit.
/// @tparam Signed the element's sign_in_bit_3
template <class Arch, bool Signed>
struct threshold_lanes {
  using lanes = float_lanes<Arch>;
  static constexpr bool keeps_zero = Signed;  ///< whether 0 is sure to be a value

  detail::threshold_search<Arch> thresholds;
  value_table<Arch> values;
  lanes inverse_scale;

  template <class Element, class Stored>
  explicit threshold_lanes(block_grid<Element, Stored, float> const& grid)
      : threshold_lanes(grid.scale, grid.inverse_scale, detail::read_tables(grid.element)) {}

  /// rounding_magic + code in the low bits. (Ends need no clamping.)
  template <bool Clamp>
  [[nodiscard]] lanes place(lanes x) const {
    return lanes::of(reinterpret_cast<typename lanes::reg>(codes_of(x)));
  }
  /// x rounded to the grid: decode(encode(x)).
  template <bool Clamp>
  [[nodiscard]] lanes round(lanes x) const {
    return lanes::of(values.look_up(codes_of(x)));
  }

 private:
  threshold_lanes(float scale, float inverse, detail::element_tables const& tables)
      : thresholds(tables.thresholds), values(tables.values, scale), inverse_scale(lanes::broadcast(inverse)) {}

  [[nodiscard]] auto codes_of(lanes x) const {
    return thresholds.template search<Signed>(x.raw(), inverse_scale.raw());
  }
};

namespace detail {

template <class Grid>
struct is_signed_grid;
template <class Element, class Stored>
struct is_signed_grid<block_grid<Element, Stored, float>> : std::bool_constant<Element::sign_in_bit_3> {};

/// What rounds to a block_grid in registers.
template <class Arch, class Grid>
using threshold_lanes_of = threshold_lanes<Arch, is_signed_grid<Grid>::value>;

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
