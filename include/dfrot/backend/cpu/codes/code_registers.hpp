#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/registers.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/format/int4_grid.hpp>

// What the registers of an instruction set can do with codes: written here for any, and in codes_avx2.hpp, codes_avx512.hpp and
// codes_neon.hpp where intrinsics do it faster.

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Numbers that code_lanes takes at once.
inline constexpr std::size_t code_block = 32;

/// The bits of rounding_magic.
inline constexpr int rounding_magic_bits = 0x4b400000;

/// How 32 placed numbers (grid_lanes::place(): rounding_magic + integer), in registers, become codes in memory.
///   pack(y, bias, flip, out)   16 bytes: nibbles (integer + bias), every byte then XORed with flip
///   write(y, offset, out)      32 bytes: integer + offset
/// A signed nibble is integer + 8 with its upper bit flipped: bias 8, flip 0x88. An unsigned one: bias = zero point.
template <class Arch>
struct code_lanes {
  using registers = float_registers<Arch>;
  using reg = typename registers::reg;
  static constexpr std::size_t count = code_block / registers::width;

  static void pack(reg const (&y)[count], int bias, int flip, std::uint8_t* out) {
    std::uint8_t bytes[code_block];
    place(y, bias, bytes);
    for (std::size_t b = 0; b < code_block / 2; ++b) {
      out[b] = static_cast<std::uint8_t>(((bytes[2 * b] & 15) | (bytes[2 * b + 1] << 4)) ^ flip);
    }
  }

  static void write(reg const (&y)[count], int offset, std::int8_t* out) {
    std::uint8_t bytes[code_block];
    place(y, offset, bytes);
    for (std::size_t j = 0; j < code_block; ++j) {
      out[j] = static_cast<std::int8_t>(bytes[j]);
    }
  }

 private:
  /// The lowest bytes of integers + offset.
  static void place(reg const (&y)[count], int offset, std::uint8_t* bytes) {
    float placed[code_block];
    for (std::size_t k = 0; k < count; ++k) {
      registers::store(y[k], placed + k * registers::width);
    }
    for (std::size_t j = 0; j < code_block; ++j) {
      bytes[j] = static_cast<std::uint8_t>(std::bit_cast<std::int32_t>(placed[j]) + offset);
    }
  }
};

/// A grid that turns codes to values in registers of floats: scale * (code - zero point).
///   packed(in, y)   32 codes from 16 bytes of nibbles   bytes(in, y)   32 codes from 32 bytes
template <class Arch>
struct nibble_lanes {
  using floats = float_registers<Arch>;
  using reg = typename floats::reg;
  static constexpr std::size_t registers = code_block / floats::width;

  float scale;
  int zero_point;
  int flip;  ///< 8 for signed codes: (nibble ^ 8) - 8 extends the sign

  explicit nibble_lanes(int4_grid<float> const& grid)
      : scale(grid.scale), zero_point(grid.zero_point), flip(grid.lowest < 0 ? 8 : 0) {}

  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    std::int8_t codes[code_block];
    for (std::size_t b = 0; b < code_block / 2; ++b) {
      codes[2 * b] = static_cast<std::int8_t>(((in[b] & 15) ^ flip) - flip);
      codes[2 * b + 1] = static_cast<std::int8_t>(((in[b] >> 4) ^ flip) - flip);
    }
    bytes(codes, y);
  }

  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    float values[code_block];
    for (std::size_t j = 0; j < code_block; ++j) {
      values[j] = scale * static_cast<float>(in[j] - zero_point);
    }
    for (std::size_t k = 0; k < registers; ++k) {
      y[k] = floats::load(values + k * floats::width);
    }
  }
};

/// Moves blocks of codes between bytes (one code each) and nibbles (two a byte).
///   pack(codes, out)             block codes to block / 2 bytes; only the low four bits of a code are kept
///   unpack(packed, flip, out)    block / 2 bytes to block codes: (nibble ^ flip) - flip, where flip is 8 or 0
template <class Arch>
struct nibble_bytes : plain_loops {};

namespace detail {

/// An element as kernels read it: what its nibbles stand for, and its thresholds, if it has any.
struct element_tables {
  std::array<float, 16> values{};
  std::array<float, 16> thresholds{};  ///< fifteen, or seven that are followed by zeros
};

template <class Element>
[[nodiscard]] constexpr element_tables tables_of(Element const& element) {
  element_tables tables;
  for (int nibble = 0; nibble < 16; ++nibble) {
    tables.values[static_cast<std::size_t>(nibble)] = element.value(Element::code_of(nibble));
  }
  if constexpr (threshold_element<Element>) {
    for (int k = 0; k < (Element::sign_in_bit_3 ? 7 : 15); ++k) {
      tables.thresholds[static_cast<std::size_t>(k)] = element.threshold(k);
    }
  }
  return tables;
}

template <class Element>
inline constexpr element_tables constant_tables = tables_of(Element{});

/// tables_of(element), a constant for an element without a state: what is computed where it is used is written to memory first.
template <class Element>
[[nodiscard]] decltype(auto) read_tables(Element const& element) {
  if constexpr (std::is_empty_v<Element>) {
    return (constant_tables<Element>);
  } else {
    return tables_of(element);
  }
}

}  // namespace detail

/// Sixteen values times a scale in registers of floats, and how codes are looked up there: a code counts by its last four bits.
///   look_up(codes)   of one register of codes, whose upper bits are not read
///   packed(in, y)    32 codes from 16 bytes of nibbles   bytes(in, y)   32 codes from 32 bytes
template <class Arch>
struct value_table : plain_loops {};

namespace detail {

/// Sixteen thresholds in registers, and the search in them.
///   search<Signed>(x, inverse)   the codes of x inverse, in the low bits of rounding_magic
/// A fused product less a threshold has the sign of the exact difference, which is 0 for ties alone. Ties go to the even code: up
/// at the thresholds that follow an odd code, which steps of 8, 4 and 2 compare with; down at the others, which the last step does.
template <class Arch>
struct threshold_search : plain_loops {};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
