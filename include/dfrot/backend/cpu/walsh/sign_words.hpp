#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Signs first, first + 1, … of a row, up to 32 of them, as bits; no bits for what is beyond the row's end.
/// @pre first < count; reads no byte outside the row
template <class Arch>
[[nodiscard]] std::uint32_t sign_word(std::int8_t const* row, std::size_t count, std::size_t first) {
  if (first + 32 <= count) {
    return sign_bits<Arch>::of_32(row + first);
  }
  if (count >= 32) {
    return sign_bits<Arch>::of_32(row + count - 32) >> (first + 32 - count);
  }
  std::int8_t last[32] = {};
  std::copy_n(row + first, std::min<std::size_t>(count - first, 32), last);
  return sign_bits<Arch>::of_32(last);
}

/// The even bits of a word, in its lower half.
[[nodiscard]] constexpr std::uint32_t even_bits(std::uint32_t word) {
  word &= 0x55555555U;
  word = (word | (word >> 1)) & 0x33333333U;
  word = (word | (word >> 2)) & 0x0f0f0f0fU;
  word = (word | (word >> 4)) & 0x00ff00ffU;
  return (word | (word >> 8)) & 0x0000ffffU;
}

/// The bits [begin, end) of the word whose bit 0 is number first.
[[nodiscard]] constexpr std::uint32_t bits_between(std::size_t begin, std::size_t end, std::size_t first) {
  std::size_t const low = begin > first ? std::min<std::size_t>(begin - first, 32) : 0;
  std::size_t const high = end > first ? std::min<std::size_t>(end - first, 32) : 0;
  auto const below = [](std::size_t bit) { return static_cast<std::uint32_t>((std::uint64_t{1} << bit) - 1); };
  return below(high) & ~below(low);
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
