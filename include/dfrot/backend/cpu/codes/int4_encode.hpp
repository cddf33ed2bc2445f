#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <dfrot/backend/cpu/codes/code_lanes.hpp>
#include <dfrot/backend/cpu/codes/grid_lanes.hpp>
#include <dfrot/backend/cpu/codes/overlapping_blocks.hpp>
#include <dfrot/backend/cpu/codes/wide_pack.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// The reach of values that nothing is known about.
inline constexpr float unknown_reach = std::numeric_limits<float>::max();

/// True if a value of magnitude up to reach * scale may lie beyond the ends of a grid.
[[nodiscard]] inline bool may_clip(int4_grid<float> const& grid, float reach) {
  auto const steps_down = static_cast<float>(grid.zero_point - grid.lowest);
  auto const steps_up = static_cast<float>(grid.highest - grid.zero_point);
  return reach > std::min(steps_down, steps_up) + 0.25F;
}

namespace detail {

/// Writes a block as nibbles, two a byte.
struct nibble_writer {
  static constexpr std::size_t codes_per_byte = 2;
  int bias = 0;
  int flip = 0;

  nibble_writer() = default;
  explicit nibble_writer(int4_grid<float> const& grid)
      : bias(grid.zero_point - grid.lowest), flip(grid.lowest < 0 ? 0x88 : 0) {}
  template <class Arch, class Registers>
  void write(Registers const& placed, std::uint8_t* out) const {
    code_lanes<Arch>::pack(placed, bias, flip, out);
  }
};

/// Writes a block as one code a byte.
struct byte_writer {
  static constexpr std::size_t codes_per_byte = 1;
  int offset = 0;

  byte_writer() = default;
  explicit byte_writer(int4_grid<float> const& grid) : offset(grid.zero_point) {}
  template <class Arch, class Registers>
  void write(Registers const& placed, std::int8_t* out) const {
    code_lanes<Arch>::write(placed, offset, out);
  }
};

/// Loads a block of values, rounds them and writes their codes.
template <class Arch, bool Clamp, class Lanes, storage T, class Writer, class Byte>
void encode_block(Lanes const& grid, T const* x, Writer writer, Byte* out) {
  using lanes = float_lanes<Arch>;
  typename lanes::reg placed[code_block / lanes::width];
  for (std::size_t k = 0; k < code_block / lanes::width; ++k) {
    placed[k] = grid.template place<Clamp>(lanes::load(x + k * lanes::width)).raw();
  }
  writer.template write<Arch>(placed, out);
}

/// Encodes in blocks; less than one is padded with zeros. (The writer is a copy, since bytes that are written may alias
/// everything else.) @tparam Lanes what rounds to the grid in registers   @pre count is even where two codes share a byte
template <class Arch, bool Clamp, class Lanes = grid_lanes<Arch>, class Grid, storage T, class Writer, class Byte>
void encode_blocks(Grid const& grid, T const* x, std::size_t count, Writer writer, Byte* out) {
  constexpr std::size_t per_byte = Writer::codes_per_byte;
  Lanes const in_lanes(grid);
  if (count >= code_block) {
    for_overlapping_blocks<code_block>(count, 0, [=](std::size_t j) DFROT_CPU_INLINE {
      encode_block<Arch, Clamp>(in_lanes, x + j, writer, out + j / per_byte);
    });
  } else if (count > 0) {
    T padded[code_block] = {};
    Byte bytes[code_block / per_byte];
    std::copy_n(x, count, padded);
    encode_block<Arch, Clamp>(in_lanes, padded, writer, bytes);
    std::copy_n(bytes, count / per_byte, out);
  }
}

/// Packs an even number of codes, in wide blocks where there are enough for one.
template <class Arch, bool Clamp, storage T>
void encode_packed_blocks(int4_grid<float> const& grid, T const* x, std::size_t count, std::uint8_t* out, float reach,
                          T const* upcoming) {
  if constexpr (has<Arch, avx512>) {
    if (count >= wide_block && wide_pack<Arch>::fits(grid, reach)) {
      wide_pack<Arch> const wide(grid);
      auto const pack_blocks = [=](auto shift) {
        std::size_t const boundary = values_before_boundary<64>(x) / 2 * 2;
        for_overlapping_blocks<wide_block>(count, boundary, [=](std::size_t j) DFROT_CPU_INLINE {
          if (upcoming != nullptr) {
            prefetch<wide_block>(upcoming + j);
          }
          wide.template pack<Clamp, decltype(shift)::value>(x + j, out + j / 2);
        });
      };
      grid.zero_point == 0 ? pack_blocks(std::false_type{}) : pack_blocks(std::true_type{});
      return;
    }
  }
  encode_blocks<Arch, Clamp>(grid, x, count, nibble_writer(grid), out);
}

}  // namespace detail

/// Rounds a run of values to a grid and packs their codes, the first one into a low nibble; the last high nibble of an
/// odd run is 0. The bytes are those of int4_grid::encode() and pack_int4().
/// @param out packed_columns(count) bytes   @param reach no |x| exceeds reach * scale: below 120, this is faster, and
/// more so if it excludes values beyond the grid's ends (see quantization_scheme::reach())
/// @param upcoming as many values that are read next: they are brought to the cache meanwhile; or null
template <class Arch, storage T>
void encode_packed(int4_grid<arithmetic_t<T>> const& grid, T const* x, std::size_t count, std::uint8_t* out,
                   float reach = unknown_reach, T const* upcoming = nullptr) {
  if constexpr (in_registers<Arch, T>) {
    std::size_t const even = count / 2 * 2;
    if (may_clip(grid, reach)) {
      detail::encode_packed_blocks<Arch, true>(grid, x, even, out, reach, upcoming);
    } else {
      detail::encode_packed_blocks<Arch, false>(grid, x, even, out, reach, upcoming);
    }
  } else {
    for (std::size_t b = 0; b < count / 2; ++b) {
      out[b] = pack_int4(grid.encode(load(x[2 * b])), grid.encode(load(x[2 * b + 1])));
    }
  }
  if (count % 2 != 0) {
    out[count / 2] = pack_int4(grid.encode(load(x[count - 1])), 0);
  }
}

/// Rounds a run of values to a grid: one code a byte, as int4_grid::encode() gives it.
/// @param reach as for encode_packed()
template <class Arch, storage T>
void encode(int4_grid<arithmetic_t<T>> const& grid, T const* x, std::size_t count, std::int8_t* out,
            float reach = unknown_reach) {
  if constexpr (in_registers<Arch, T>) {
    detail::byte_writer const writer(grid);
    if (may_clip(grid, reach)) {
      detail::encode_blocks<Arch, true>(grid, x, count, writer, out);
    } else {
      detail::encode_blocks<Arch, false>(grid, x, count, writer, out);
    }
  } else {
    for (std::size_t j = 0; j < count; ++j) {
      out[j] = grid.encode(load(x[j]));
    }
  }
}

namespace detail {

/// round_to_grid() for a grid that reaches beyond U. (The grid is a copy for the reason given at decode_saturated().)
template <storage T, storage U>
DFROT_CPU_APART void round_saturated(int4_grid<arithmetic_t<T>> grid, T const* x, std::size_t count, U* out) {
  for (std::size_t j = 0; j < count; ++j) {
    out[j] = store_saturated<U>(grid.decode(grid.encode(load(x[j]))));
  }
}

}  // namespace detail

/// Rounds a run of values to the values of a grid: decode(encode(x)), written as U by store_saturated(). out may be x.
template <class Arch, storage T, storage U>
DFROT_CPU_INLINE inline void round_to_grid(int4_grid<arithmetic_t<T>> const& grid, T const* x, std::size_t count,
                                           U* out) {
  if (grid.template reaches_beyond<U>()) [[unlikely]] {
    detail::round_saturated(grid, x, count, out);
    return;
  }
  std::size_t j = 0;
  if constexpr (in_registers<Arch, T> && in_registers<Arch, U>) {
    using lanes = float_lanes<Arch>;
    grid_lanes<Arch> const in_lanes(grid);
    for (; j + lanes::width <= count; j += lanes::width) {
      in_lanes.template round<true>(lanes::load(x + j)).store(out + j);
    }
  }
  for (; j < count; ++j) {
    out[j] = store<U>(static_cast<arithmetic_t<U>>(grid.decode_unbounded(grid.encode(load(x[j])))));
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
