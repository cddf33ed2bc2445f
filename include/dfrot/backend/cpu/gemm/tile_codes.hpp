#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/quantize/product_format.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// How the integers of weights stand in the nibbles of a panel. Where the sixteen integers lie within 15 of each other, a nibble
/// is the integer less the least one (for INT4 the code + 8). Others keep their nibbles, and tiles look them up.
template <integer_element W>
struct weight_codes {
  static constexpr int least = dfrot::detail::least_integer<W>;
  static constexpr int span = dfrot::detail::largest_integer<W> - least;
  static constexpr bool by_table = span > 15;

  /// The nibble that a panel has for one of packed weights.
  [[nodiscard]] static constexpr unsigned stored(unsigned nibble) {
    return by_table ? nibble : static_cast<unsigned>(dfrot::detail::integers_of<W>[nibble] - least);
  }
};

/// What the nibbles of a panel are multiplied as: the bytes that they are.
struct plain_nibbles {
  static constexpr bool by_table = false;
  static constexpr int span = 15;
  static constexpr int size = 15;  ///< the largest integer, or the size of the least
};

/// The integers of W, by a table.
template <integer_element W>
struct table_of {
  static constexpr bool by_table = true;
  static constexpr int span = weight_codes<W>::span;
  static constexpr int size = std::max(-weight_codes<W>::least, dfrot::detail::largest_integer<W>);

  static constexpr std::array<std::int8_t, 16> integers = dfrot::detail::integers_of<W>;
  /// The same less the least one: dot products of bytes want one unsigned operand.
  static constexpr std::array<std::uint8_t, 16> unsigned_bytes = [] {
    std::array<std::uint8_t, 16> all{};
    for (std::size_t i = 0; i < 16; ++i) {
      all[i] = static_cast<std::uint8_t>(dfrot::detail::integers_of<W>[i] - weight_codes<W>::least);
    }
    return all;
  }();
};

/// How a tile multiplies: nibbles of weights as Weights has them, with activations of at most Reach in size. One kernel serves
/// all elements that are alike in this: all of INT4 and whatever has as small integers.
template <class Weights, int Reach>
struct tile_codes : Weights {
  static_assert(Reach > 0 && Reach <= 128);
  /// The largest size of a sum of two products, for INT4 450.
  static constexpr int largest_pair = 2 * Weights::span * Reach;
  /// Quads whose pairs can be added in 16 bits, for INT4 72; 0: not even one.
  static constexpr std::size_t quads_in_16_bits = 32767 / largest_pair;
  /// Below this many, sums are taken in 32 bits.
  static constexpr bool in_16_bits = quads_in_16_bits >= 8;
  /// Whether two products fit in 16 bits with integers as they are, where tiles take signed bytes.
  static constexpr bool signed_pair_fits = 2 * Weights::size * Reach <= 32767;
};

/// The tile_codes for weights W and activations of a format.
template <integer_element W, class Activations>
using tile_codes_for = tile_codes<std::conditional_t<weight_codes<W>::by_table, table_of<W>, plain_nibbles>,
                                  (std::max(-Activations::least, Activations::largest) <= 15 ? 15 : 128)>;

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
