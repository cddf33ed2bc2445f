#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <dfrot/backend/cpu/codes/code_lanes.hpp>
#include <dfrot/backend/cpu/codes/int4_decode.hpp>
#include <dfrot/backend/cpu/codes/int4_encode.hpp>
#include <dfrot/backend/cpu/codes/plain_codes.hpp>
#include <dfrot/backend/cpu/codes/threshold_lanes.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// What plain_codes.hpp does, in registers: any element decodes by a table of sixteen values, and one with thresholds encodes by a
// search among them.

namespace detail {

/// encode_blocks(), and half a block, such as a group of NVFP4: what stands in its registers is written twice, and half of it kept.
template <class Arch, class Grid, storage T, class Writer, class Byte>
void encode_by_table(Grid const& grid, T const* x, std::size_t count, Writer writer, Byte* out) {
  using lanes = float_lanes<Arch>;
  using in_registers = threshold_lanes_of<Arch, Grid>;
  if (count != code_block / 2) {
    encode_blocks<Arch, false, in_registers>(grid, x, count, writer, out);
    return;
  }
  in_registers const in_lanes(grid);
  constexpr std::size_t half = code_block / 2 / lanes::width;
  typename lanes::reg placed[2 * half];
  for (std::size_t k = 0; k < half; ++k) {
    placed[k] = in_lanes.template place<false>(lanes::load(x + k * lanes::width)).raw();
    placed[k + half] = placed[k];
  }
  Byte bytes[code_block / Writer::codes_per_byte];
  writer.template write<Arch>(placed, bytes);
  std::memcpy(out, bytes, sizeof(bytes) / 2);
}

/// decode_blocks(), and half a block.
template <class Arch, class Grid, class Byte, storage T>
void decode_by_table(Grid const& grid, Byte const* codes, std::size_t count, T* out) {
  using table = value_table<Arch>;
  using lanes = float_lanes<Arch>;
  if (count != code_block / 2) {
    decode_blocks<Arch, table>(grid, codes, count, out);
    return;
  }
  table const in_lanes(grid);
  Byte twice[code_block / codes_per<Byte>];
  std::memcpy(twice, codes, sizeof(twice) / 2);
  std::memcpy(twice + sizeof(twice) / sizeof(Byte) / 2, codes, sizeof(twice) / 2);
  typename lanes::reg values[table::registers];
  if constexpr (std::is_same_v<Byte, std::uint8_t>) {
    in_lanes.packed(twice, values);
  } else {
    in_lanes.bytes(twice, values);
  }
  for (std::size_t k = 0; k < table::registers / 2; ++k) {
    lanes::of(values[k]).store(out + k * lanes::width);
  }
}

}  // namespace detail

template <class Arch, class Grid, storage T>
requires(encodes_by_table<Arch, Grid, T>) void encode_packed(Grid const& grid, T const* x, std::size_t count,
                                                             std::uint8_t* out, float /*reach*/,
                                                             T const* /*upcoming*/ = nullptr) {
  std::size_t const even = count / 2 * 2;
  detail::encode_by_table<Arch>(grid, x, even, detail::nibble_writer{}, out);
  if (even != count) {
    out[count / 2] = pack_int4(grid.encode(load(x[count - 1])), 0);
  }
}

template <class Arch, class Grid, storage T>
requires(encodes_by_table<Arch, Grid, T>) void encode(Grid const& grid, T const* x, std::size_t count, std::int8_t* out,
                                                      float /*reach*/) {
  detail::encode_by_table<Arch>(grid, x, count, detail::byte_writer{}, out);
}

namespace detail {

/// For grids that reach beyond the type that is written; apart, since there are few.
template <storage T, storage U, class Grid>
DFROT_CPU_APART void round_each(Grid const& grid, T const* x, std::size_t count, U* out) {
  Grid const own = grid;
  for (std::size_t j = 0; j < count; ++j) {
    out[j] = store_saturated<U>(own.decode(own.encode(load(x[j]))));
  }
}
template <storage T, class Grid, class Code>
DFROT_CPU_APART void decode_each(Grid const& grid, std::size_t count, T* out, Code const& code) {
  Grid const own = grid;
  for (std::size_t j = 0; j < count; ++j) {
    out[j] = store_saturated<T>(own.decode(code(j)));
  }
}

}  // namespace detail

template <class Arch, class Grid, storage T, storage U>
requires(encodes_by_table<Arch, Grid, T>&& in_registers<Arch, U>) void round_to_grid(Grid const& grid, T const* x,
                                                                                     std::size_t count, U* out) {
  std::size_t j = 0;
  if (!grid.template reaches_beyond<U>()) [[likely]] {
    using lanes = float_lanes<Arch>;
    detail::threshold_lanes_of<Arch, Grid> const in_lanes(grid);
    for (; j + lanes::width <= count; j += lanes::width) {
      in_lanes.template round<false>(lanes::load(x + j)).store(out + j);
    }
  }
  if (j < count) {
    detail::round_each(grid, x + j, count - j, out + j);
  }
}

/// @param code_of(nibble) as the scheme's
template <class Arch, class Grid, storage T, class CodeOf>
requires(decodes_by_table<Arch, Grid, T>) void decode_packed(Grid const& grid, std::uint8_t const* packed,
                                                             std::size_t count, T* out, CodeOf const& code_of) {
  std::size_t done = 0;
  if (!grid.template reaches_beyond<T>()) [[likely]] {
    done = count / 2 * 2;
    detail::decode_by_table<Arch>(grid, packed, done, out);
  }
  if (done < count) {
    detail::decode_each(grid, count - done, out + done,
                        [&](std::size_t j) { return code_of(unpack_uint4(packed[(done + j) / 2], (done + j) % 2)); });
  }
}

template <class Arch, class Grid, storage T>
requires(decodes_by_table<Arch, Grid, T>) void decode(Grid const& grid, std::int8_t const* codes, std::size_t count,
                                                      T* out) {
  if (grid.template reaches_beyond<T>()) [[unlikely]] {
    detail::decode_each(grid, count, out, [codes](std::size_t j) { return codes[j]; });
    return;
  }
  detail::decode_by_table<Arch>(grid, codes, count, out);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
