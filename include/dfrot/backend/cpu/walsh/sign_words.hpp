#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Bit i is set where sign i is negative. @param signs 32 of them
template <class Arch>
[[nodiscard]] std::uint32_t negative_signs(std::int8_t const* signs) {
#if DFROT_CPU_AVX2
  if constexpr (has<Arch, avx2>) {
    __m256i const bytes = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(signs));
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes));
  }
#endif
  std::uint32_t word = 0;
  for (std::uint32_t i = 0; i < 32; ++i) {
    word |= (static_cast<std::uint32_t>(signs[i]) >> 31) << i;
  }
  return word;
}

/// Signs first, first + 1, … of a row, up to 32 of them, as bits; no bits for what is beyond the row's end.
/// @pre first < count; reads no byte outside the row
template <class Arch>
[[nodiscard]] std::uint32_t sign_word(std::int8_t const* row, std::size_t count, std::size_t first) {
  if (first + 32 <= count) {
    return negative_signs<Arch>(row + first);
  }
  if (count >= 32) {
    return negative_signs<Arch>(row + count - 32) >> (first + 32 - count);
  }
  std::int8_t last[32] = {};
  std::copy(row + first, row + count, last);
  return negative_signs<Arch>(last);
}

/// Bit i is set where sign 2 i is negative. @param signs 64 of them
template <class Arch>
[[nodiscard]] std::uint32_t negative_even_signs(std::int8_t const* signs) {
#if DFROT_CPU_AVX2
  if constexpr (has<Arch, avx2>) {  // in each pair of bytes, the even one moves up, and packing keeps its sign
    auto const* const bytes = reinterpret_cast<__m256i const*>(signs);
    __m256i const low = _mm256_slli_epi16(_mm256_loadu_si256(bytes), 8);
    __m256i const high = _mm256_slli_epi16(_mm256_loadu_si256(bytes + 1), 8);
    __m256i const even = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8);
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(even));
  }
#endif
  std::uint32_t word = 0;
  for (std::uint32_t i = 0; i < 32; ++i) {
    word |= (static_cast<std::uint32_t>(signs[2 * i]) >> 31) << i;
  }
  return word;
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
