#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/codes/code_lanes.hpp>
#include <dfrot/backend/cpu/codes/int4_encode.hpp>
#include <dfrot/backend/cpu/codes/overlapping_blocks.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Codes in a byte: nibbles in uint8_t, whole ones in int8_t.
template <class Byte>
inline constexpr std::size_t codes_per = std::is_same_v<Byte, std::uint8_t> ? 2 : 1;

/// Decodes 32 codes: nibbles from uint8_t, one code a byte from int8_t.
template <class Arch, class Lanes, class Byte, storage T>
void decode_block(Lanes const& grid, Byte const* codes, T* out) {
  using lanes = float_lanes<Arch>;
  typename lanes::reg values[Lanes::registers];
  if constexpr (std::is_same_v<Byte, std::uint8_t>) {
    grid.packed(codes, values);
  } else {
    grid.bytes(codes, values);
  }
  for (std::size_t k = 0; k < Lanes::registers; ++k) {
    lanes::of(values[k]).store(out + k * lanes::width);
  }
}

/// Decodes in blocks that do not lie across cache lines; less than one block is padded.
/// @tparam Lanes what turns codes to a grid's values in registers   @pre count is even where two codes share a byte
template <class Arch, class Lanes = nibble_lanes<Arch>, class Grid, class Byte, storage T>
void decode_blocks(Grid const& grid, Byte const* codes, std::size_t count, T* out) {
  constexpr std::size_t per_byte = codes_per<Byte>;
  Lanes const in_lanes(grid);
  if (count >= code_block) {
    for_overlapping_blocks<code_block>(count, values_before_boundary<64>(out) / 2 * 2, [&](std::size_t j) {
      decode_block<Arch>(in_lanes, codes + j / per_byte, out + j);
    });
  } else if (count > 0) {
    Byte padded[code_block / per_byte] = {};
    T values[code_block];
    std::copy_n(codes, count / per_byte, padded);
    decode_block<Arch>(in_lanes, padded, values);
    std::copy_n(values, count, out);
  }
}

/// For a grid that reaches beyond T: int4_grid::decode() of the code of each value, which code(j) gives. (What it takes of the
/// grid are copies: a grid that is seen elsewhere would be read anew for every value, and its reciprocal computed.)
template <storage T, class Code>
DFROT_CPU_APART void decode_saturated(arithmetic_t<T> scale, int zero_point, std::size_t count, T* out,
                                      Code const& code) {
  int4_grid<arithmetic_t<T>> grid;
  grid.scale = scale;
  grid.zero_point = zero_point;
  for (std::size_t j = 0; j < count; ++j) {
    out[j] = store_saturated<T>(grid.decode(code(j)));
  }
}

}  // namespace detail

/// The values of a run of packed codes, the first one in a low nibble: int4_grid::decode(), written by store_saturated().
template <class Arch, storage T>
DFROT_CPU_INLINE inline void decode_packed(int4_grid<arithmetic_t<T>> const& grid, std::uint8_t const* packed,
                                           std::size_t count, T* out) {
  int const flip = grid.lowest < 0 ? 8 : 0;
  if (grid.template reaches_beyond<T>()) [[unlikely]] {
    detail::decode_saturated(grid.scale, grid.zero_point, count, out, [=](std::size_t j) {
      int const nibble = packed[j / 2] >> (j % 2 * 4) & 15;
      return (nibble ^ flip) - flip;
    });
    return;
  }
  auto const value = [grid, flip](int nibble) { return store<T>(grid.decode_unbounded((nibble ^ flip) - flip)); };
  if constexpr (in_registers<Arch, T>) {
    detail::decode_blocks<Arch>(grid, packed, count / 2 * 2, out);
  } else {
    for (std::size_t b = 0; b < count / 2; ++b) {
      out[2 * b] = value(packed[b] & 15);
      out[2 * b + 1] = value(packed[b] >> 4);
    }
  }
  if (count % 2 != 0) {
    out[count - 1] = value(packed[count / 2] & 15);
  }
}

/// The values of a run of codes, one a byte: int4_grid::decode(), written by store_saturated().
template <class Arch, storage T>
void decode(int4_grid<arithmetic_t<T>> const& grid, std::int8_t const* codes, std::size_t count, T* out) {
  if (grid.template reaches_beyond<T>()) [[unlikely]] {
    detail::decode_saturated(grid.scale, grid.zero_point, count, out, [=](std::size_t j) { return codes[j]; });
    return;
  }
  if constexpr (in_registers<Arch, T>) {
    detail::decode_blocks<Arch>(grid, codes, count, out);
  } else {
    for (std::size_t j = 0; j < count; ++j) {
      out[j] = store<T>(grid.decode_unbounded(codes[j]));
    }
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
