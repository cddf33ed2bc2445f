#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/codes/code_lanes.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// What int4_encode.hpp, int4_decode.hpp and table_codes.hpp do, for a grid of any other kind: loops over encode() and decode(),
// which the compiler is left to vectorize.

/// True for the grids of INT4, which have kernels everywhere.
template <class Grid>
inline constexpr bool is_int4_grid = false;
template <class Real>
inline constexpr bool is_int4_grid<int4_grid<Real>> = true;

/// True where table_codes.hpp encodes values of T, or decodes to them.
template <class Arch, class Grid, class T>
inline constexpr bool encodes_by_table = false;
template <class Arch, class Element, class Stored, class T>
inline constexpr bool encodes_by_table<Arch, block_grid<Element, Stored, float>, T> =
    is_written<detail::threshold_search<Arch>>&& in_registers<Arch, T>&& threshold_element<Element>;
template <class Arch, class Grid, class T>
inline constexpr bool decodes_by_table = false;
template <class Arch, class Element, class Stored, class T>
inline constexpr bool decodes_by_table<Arch, block_grid<Element, Stored, float>, T> =
    is_written<value_table<Arch>>&& in_registers<Arch, T>;

template <class Arch, class Grid, storage T>
requires(!is_int4_grid<Grid> && !encodes_by_table<Arch, Grid, T>) void encode_packed(Grid const& grid, T const* x,
                                                                                     std::size_t count,
                                                                                     std::uint8_t* out, float /*reach*/,
                                                                                     T const* /*upcoming*/ = nullptr) {
  Grid const own = grid;  // bytes that are written may alias everything else
  for (std::size_t b = 0; b < count / 2; ++b) {
    out[b] = pack_int4(own.encode(load(x[2 * b])), own.encode(load(x[2 * b + 1])));
  }
  if (count % 2 != 0) {
    out[count / 2] = pack_int4(own.encode(load(x[count - 1])), 0);
  }
}

template <class Arch, class Grid, storage T>
requires(!is_int4_grid<Grid> && !encodes_by_table<Arch, Grid, T>) void encode(Grid const& grid, T const* x,
                                                                              std::size_t count, std::int8_t* out,
                                                                              float /*reach*/) {
  Grid const own = grid;
  for (std::size_t j = 0; j < count; ++j) {
    out[j] = own.encode(load(x[j]));
  }
}

template <class Arch, class Grid, storage T, storage U>
requires(!is_int4_grid<Grid> &&
         !(encodes_by_table<Arch, Grid, T> && in_registers<Arch, U>)) void round_to_grid(Grid const& grid, T const* x,
                                                                                         std::size_t count, U* out) {
  Grid const own = grid;
  for (std::size_t j = 0; j < count; ++j) {
    out[j] = store_saturated<U>(own.decode(own.encode(load(x[j]))));
  }
}

/// @param code_of(nibble) as the scheme's
template <class Arch, class Grid, storage T, class CodeOf>
requires(!is_int4_grid<Grid> &&
         !decodes_by_table<Arch, Grid, T>) void decode_packed(Grid const& grid, std::uint8_t const* packed,
                                                              std::size_t count, T* out, CodeOf const& code_of) {
  T values[16];
  for (int nibble = 0; nibble < 16; ++nibble) {
    values[nibble] = store_saturated<T>(grid.decode(code_of(nibble)));
  }
  for (std::size_t b = 0; b < count / 2; ++b) {
    out[2 * b] = values[packed[b] & 15];
    out[2 * b + 1] = values[packed[b] >> 4];
  }
  if (count % 2 != 0) {
    out[count - 1] = values[packed[count / 2] & 15];
  }
}

template <class Arch, class Grid, storage T>
requires(!is_int4_grid<Grid> && !decodes_by_table<Arch, Grid, T>) void decode(Grid const& grid,
                                                                              std::int8_t const* codes,
                                                                              std::size_t count, T* out) {
  Grid const own = grid;
  for (std::size_t j = 0; j < count; ++j) {
    out[j] = store_saturated<T>(own.decode(codes[j]));
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
