#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/quantize/product_format.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// How the integers of weights stand in nibbles of a panel, and how tiles make bytes of them. Where the sixteen integers lie
/// within 15 of each other, a nibble is the integer less the least one (for INT4 the code + 8): the byte is the nibble. Others
/// keep their nibbles, and a table has the bytes, again less the least integer, so that all are unsigned.
template <integer_element W>
struct weight_codes {
  static constexpr int least = dfrot::detail::least_integer<W>;
  static constexpr int span = dfrot::detail::largest_integer<W> - least;
  static constexpr bool by_table = span > 15;

  /// The nibble that a panel has for one of packed weights.
  [[nodiscard]] static constexpr unsigned stored(unsigned nibble) {
    return by_table ? nibble : static_cast<unsigned>(dfrot::detail::integers_of<W>[nibble] - least);
  }
  /// The integers less `subtracted`, by the nibbles of a panel.
  template <class Byte>
  [[nodiscard]] static constexpr std::array<Byte, 16> table(int subtracted) {
    std::array<Byte, 16> bytes{};
    for (unsigned nibble = 0; nibble < 16; ++nibble) {
      bytes[stored(nibble)] = static_cast<Byte>(dfrot::detail::integers_of<W>[nibble] - subtracted);
    }
    return bytes;
  }
};

/// The same for products with activations of at most Reach in size: how many quads can be summed in 16 bits.
template <integer_element W, int Reach>
struct tile_codes : weight_codes<W> {
  static_assert(Reach > 0 && Reach <= 128);
  /// The largest size of a sum of two products, for INT4 450.
  static constexpr int largest_pair = 2 * (weight_codes<W>::span > 0 ? weight_codes<W>::span : 1) * Reach;
  /// Quads whose pairs can be added in 16 bits, for INT4 72; 0: not even one.
  static constexpr std::size_t quads_in_16_bits = 32767 / largest_pair;
  /// Below this many, sums are taken in 32 bits.
  static constexpr bool in_16_bits = quads_in_16_bits >= 8;
  /// The same of two products with integers as they are, where tiles take signed bytes.
  static constexpr bool signed_pair_fits =
      2 * std::max({15, -weight_codes<W>::least, weight_codes<W>::least + weight_codes<W>::span}) * Reach <= 32767;
};

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
