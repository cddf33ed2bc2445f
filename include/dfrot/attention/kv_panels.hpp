#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>

namespace dfrot {

/// Slots whose values stand together, and are summed at once. Sums of 8-bit codes times weights of 15 bits would not stay within int32 for
/// twice as many.   "p V"
inline constexpr std::size_t kv_block = 256;

/// How the codes of one head lie: panels of outputs, which are summed at once, each over all inputs.
///   stored = code + bias, in 0 … 15 or 0 … 255.   Four neighbouring inputs are a quad: 2 lanes bytes a panel, of which each output has
///   four.   4 bits: outputs 0 … lanes / 2 - 1 of a panel in the low, lanes / 2 … lanes - 1 in the high nibbles.   8 bits: lanes / 2
///   outputs, whose bytes are whole, so that their low and high nibbles are two outputs of 4 bits, and kernels are the same
/// It is the layout of repacked weights (backend/cpu/gemm/gemm_tile.hpp).
struct kv_panels {
  std::size_t lanes = 2;  ///< what a policy's kernels sum at once; even
  std::size_t bits = 4;   ///< 4 or 8
  std::size_t outputs = 0;
  std::size_t inputs = 0;  ///< a multiple of 4

  /// Outputs of a panel.
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t width() const { return 4 * lanes / bits; }
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t count() const { return ceil_div(outputs, width()); }
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t quad_bytes() const { return 2 * lanes; }
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t panel_bytes() const { return inputs / 4 * quad_bytes(); }
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t bytes() const { return count() * panel_bytes(); }

  /// Writes all inputs of one output. @param row (inputs) codes   @param bias 0, or the upper bit of what is stored
  DFROT_PER_ISA void put_output(std::uint8_t* codes, std::size_t output, std::int8_t const* row, int bias) const {
    place const to = place_of(output);
    std::uint32_t const mask = to.mask * all_bytes;
    std::uint32_t const flip = static_cast<std::uint32_t>(bias) * all_bytes;
    for (std::size_t quad = 0; quad < inputs / 4; ++quad) {
      std::uint32_t four_codes = 0;
      std::memcpy(&four_codes, row + 4 * quad, 4);
      replace(codes + to.byte + quad * quad_bytes(), mask, (four_codes ^ flip) << to.shift);
    }
  }

  /// Writes one input of all outputs. @param column (outputs) codes
  DFROT_PER_ISA void put_input(std::uint8_t* codes, std::size_t input, std::int8_t const* column, int bias) const {
    bool const little = std::endian::native == std::endian::little;
    auto const byte_shift = static_cast<unsigned>(8 * (little ? input % 4 : 3 - input % 4));
    for (std::size_t first = 0; first < outputs; first += lanes / 2) {
      place const to = place_of(first);
      std::uint32_t const mask = to.mask << byte_shift;
      unsigned const shift = to.shift + byte_shift;
      std::uint8_t* const quads = codes + to.byte + input / 4 * quad_bytes();
      std::size_t const count = std::min(lanes / 2, outputs - first);
      for (std::size_t c = 0; c < count; ++c) {
        replace(quads + 4 * c, mask, static_cast<std::uint32_t>(column[first + c] ^ bias) << shift);
      }
    }
  }

  /// What is stored for one code.
  [[nodiscard]] DFROT_PER_ISA int get(std::uint8_t const* codes, std::size_t output, std::size_t input) const {
    place const from = place_of(output);
    return static_cast<int>((codes[from.byte + input / 4 * quad_bytes() + input % 4] & from.mask) >> from.shift);
  }

 private:
  static constexpr std::uint32_t all_bytes = 0x01010101;

  struct place {
    std::size_t byte;    ///< of the first input
    unsigned shift;      ///< of a code in its byte
    std::uint32_t mask;  ///< the bits that it takes there
  };

  /// Replaces some bits of the four bytes of an output's quad.
  DFROT_PER_ISA static void replace(std::uint8_t* quad, std::uint32_t mask, std::uint32_t bits) {
    std::uint32_t word = 0;
    std::memcpy(&word, quad, 4);
    word = (word & ~mask) | (bits & mask);
    std::memcpy(quad, &word, 4);
  }

  [[nodiscard]] DFROT_PER_ISA place place_of(std::size_t output) const {
    std::size_t const in_panel = output % width();
    unsigned const shift = in_panel < lanes / 2 ? 0 : 4;
    return {output / width() * panel_bytes() + 4 * (in_panel % (lanes / 2)), shift, bits == 8 ? 255U : 15U << shift};
  }
};

/// One side of a cache, keys or values, of one head, for kernels to read. A view.
///   x = scale (stored - zero),   scale = scales[g slot_count + slot], zero = zero_points[g slot_count + slot], or bias without zero points
struct kv_codes {
  /// Of keys: an output a slot. Of values: an output a channel, an input a slot; one after the other for each kv_block slots.
  kv_panels panels;
  std::size_t group = 0;       ///< channels that share a scale
  std::size_t slot_count = 0;  ///< a multiple of kv_block
  int bias = 0;
  std::uint8_t const* codes = nullptr;
  float const* scales = nullptr;
  std::int8_t const* zero_points = nullptr;
};

}  // namespace dfrot
