#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/backend/cpu/gemm/tile_codes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/tuning.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// The innermost part of a product of 4-bit codes, and the two layouts that it reads. A quad is 4 consecutive channels:
// what one lane of an integer dot product takes.
//
// Weights, repacked: output channels in panels of N = gemm_tile<Arch>::columns, panel after panel; each panel has
// ceil(k / 4) quads of 2 N bytes. Byte b of a quad holds, for channel 4 quad + b % 4, the codes of two output channels of
// the panel: b / 4 in the low and N / 2 + b / 4 in the high nibble. So one load, one AND and one shift with AND give two
// registers whose 32-bit lanes are output channels. A nibble of INT4 is the code + 8, in 0 … 15, since dot products of bytes
// want one unsigned operand; for other elements see weight_codes. What is not there (beyond n or k) is nibble 0 of packed codes.
//
// Activations, unpacked: tiles of at most gemm_tile<Arch>::rows tokens. Each quad of a tile has 4 signed bytes a token,
// token after token, so that a tile is read from its beginning to its end.

/// The dot products of one tile of tokens and one panel of weights, for one instruction set. This is the portable one: two
/// output channels, whose nibbles share bytes, and one token, in a loop that compilers vectorize along the channels.
template <class Arch>
struct gemm_tile {
  static constexpr std::size_t columns = 2;  ///< output channels of a panel
  static constexpr std::size_t rows = 1;     ///< the most tokens of a tile

  /// Whether tables hold integers as they are, not less the least one.
  static constexpr bool signed_tables = false;

  /// sums[r * columns + c] = start[r] + sum over `quads` quads of (w - least) x for token r and output channel c,
  /// where w - least is what nibbles stand for. With start[r] = least sum x, sums are products of integers.
  /// @tparam Codes tile_codes of the weights and activations
  template <class Codes, std::size_t Rows>
  static void dot(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                  std::int32_t const* start, std::int32_t* sums) noexcept {
    static_assert(Rows == 1);
    std::int32_t low = 0;
    std::int32_t high = 0;
    for (std::size_t l = 0; l < 4 * quads; ++l) {
      low += byte_of<Codes>(weights[l] & 15) * static_cast<std::int16_t>(activations[l]);
      high += byte_of<Codes>(weights[l] >> 4) * static_cast<std::int16_t>(activations[l]);
    }
    sums[0] = start[0] + low;
    sums[1] = start[0] + high;
  }

 private:
  template <class Codes>
  static std::int16_t byte_of(int nibble) noexcept {
    if constexpr (Codes::by_table) {
      return Codes::unsigned_bytes[static_cast<std::size_t>(nibble)];
    } else {
      return static_cast<std::int16_t>(nibble);
    }
  }
};

namespace detail {

/// Asks for the weights some way ahead. A single token reads weights as fast as they come, where asking only costs time; more
/// tokens read them so slowly that memory would not run ahead by itself. An address beyond the end does no harm.
template <std::size_t Rows>
[[gnu::always_inline]] inline void prefetch_weights(std::uint8_t const* weights) noexcept {
  if constexpr (Rows > 1) {
    __builtin_prefetch(weights + tuning::gemm_weights_ahead_bytes);
  }
}

/// Four codes as one number, from any address: the compiler makes one load of it, or the operand of a broadcast.
inline std::int32_t load_quad(std::int8_t const* codes) noexcept {
  std::int32_t quad = 0;
  std::memcpy(&quad, codes, sizeof quad);
  return quad;
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
