#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>

namespace dfrot {

/// The values of one group, in arithmetic of Real.
///   scale, zero_point   decode(code) is about scale times (code - zero_point), or times the value of the code
///   stored()            what is written for the scale
///   encode(x)           the code of a finite x: std::int8_t   decode(code)   what a code stands for: finite
template <class G, class Real, class Stored>
concept quantization_grid = std::is_trivially_copyable_v<G> && requires(G const& grid, Real x, int code) {
  { grid.scale } -> std::convertible_to<Real>;
  { grid.zero_point } -> std::convertible_to<int>;
  { grid.stored() } -> std::same_as<Stored>;
  { grid.encode(x) } -> std::same_as<std::int8_t>;
  { grid.decode(code) } -> std::same_as<Real>;
};

/// How rows are quantized: what every operation on codes takes, and all that kernels ask of it. int4_scheme is chosen at run
/// time; block_scheme is put together from an element, a scale storage and a range rule.
///   group                     columns that share a scale; 0: the whole row; the last group may be shorter
///   scale_type<Real>          what is written for the scale of a group; Real is float, or double for rows of double
///   grid_type<Real>           the values of a group, a quantization_grid; block_grid is one
///   candidates(), candidate<Real>(min, max, k)   grids to try for a group with min <= 0 <= max; the one with the least squared
///                             error is taken, the first of equals
///   by_magnitude()            true if candidate() only looks at the larger of -min and max: min = -max will do
///   grid<Real>(stored, zero)  the grid of a group whose scale is stored
///   code_of(nibble)           how packed codes are read
///   has_zero_points()         whether zero points are written
///   reach()                   a bound for |x| / |scale|, whatever grid is chosen
///   check()                   Throws: std::invalid_argument for a scheme that makes no sense
template <class S>
concept quantization_scheme =
    std::is_trivially_copyable_v<S> && quantization_grid < typename S::template grid_type<float>,
float,
    typename S::template scale_type < float >>
        &&quantization_grid<typename S::template grid_type<double>, double,
                            typename S::template scale_type<double>>&& requires(S const& scheme, float x,
                                                                                typename S::template scale_type<float>
                                                                                    stored,
                                                                                int k) {
  { scheme.group } -> std::convertible_to<std::size_t>;
  { scheme.candidates() } -> std::same_as<int>;
  { scheme.by_magnitude() } -> std::same_as<bool>;
  { scheme.has_zero_points() } -> std::same_as<bool>;
  { scheme.reach() } -> std::same_as<float>;
  { scheme.code_of(k) } -> std::same_as<int>;
  { scheme.template candidate<float>(x, x, k) } -> std::same_as<typename S::template grid_type<float>>;
  { scheme.template grid<float>(stored, k) } -> std::same_as<typename S::template grid_type<float>>;
  scheme.check();
};

/// Bits of a scheme's codes: its code_bits, or 4. Codes of 8 stand one a byte only.
template <class Scheme>
inline constexpr int code_bits = 4;
template <class Scheme>
requires requires { Scheme::code_bits; }
inline constexpr int code_bits<Scheme> = Scheme::code_bits;

/// Columns that share a scale in rows of the given length.
template <quantization_scheme Scheme>
[[nodiscard]] DFROT_PER_ISA constexpr std::size_t group_size(Scheme const& scheme, std::size_t columns) {
  return scheme.group == 0 || scheme.group > columns ? columns : scheme.group;
}

/// Scales per row of the given length: ceil(columns / group size); 0 for empty rows.
template <quantization_scheme Scheme>
[[nodiscard]] DFROT_PER_ISA constexpr std::size_t group_count(Scheme const& scheme, std::size_t columns) {
  std::size_t const size = group_size(scheme, columns);
  return size == 0 ? 0 : ceil_div(columns, size);
}

}  // namespace dfrot
