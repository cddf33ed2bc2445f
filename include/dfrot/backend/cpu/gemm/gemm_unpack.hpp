#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/product_operands.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// A tile of unpacked activations in the workspace: one start for each group and token, then quads (see gemm_tile.hpp).
struct gemm_tile_view {
  std::int32_t* starts = nullptr;
  std::int8_t* quads = nullptr;
  std::size_t rows = 0;

  gemm_tile_view(std::byte* memory, gemm_groups const& groups, std::size_t row_count)
      : starts(reinterpret_cast<std::int32_t*>(memory)),
        quads(reinterpret_cast<std::int8_t*>(memory + 4 * row_count * groups.count())),
        rows(row_count) {}
};

/// Unpacks the integers of codes first … first + 4 quads - 1 of a packed row; all but begin … end - 1 become 0.
/// Returns the sum of the rest.
template <class Decoder>
std::int32_t unpack_quads(std::uint8_t const* packed, Decoder const& integer, index_range quads, std::size_t begin,
                          std::size_t end, std::int8_t* values) noexcept {
  std::size_t const first = 4 * quads.first;
  std::size_t const bytes = std::min(2 * quads.count, end / 2 + end % 2 - first / 2);
  std::uint8_t const* const in = packed + first / 2;
  for (std::size_t b = 0; b < bytes; ++b) {
    values[2 * b] = static_cast<std::int8_t>(integer(in[b] & 15U));
    values[2 * b + 1] = static_cast<std::int8_t>(integer(static_cast<unsigned>(in[b]) >> 4U));
  }
  if (begin > first) {
    std::fill(values, values + (begin - first), std::int8_t{0});
  }
  if (end < first + 4 * quads.count) {
    std::fill(values + (end - first), values + 4 * quads.count, std::int8_t{0});
  }
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < 4 * quads.count; ++i) {
    sum += values[i];
  }
  return sum;
}

/// Unpacks one group of one token into row r of a tile. @param subtracted from all weights (see gemm_tile)
template <class Decoder>
void unpack_group(std::uint8_t const* packed, Decoder const& integer, gemm_groups const& groups, std::size_t g,
                  int subtracted, gemm_tile_view const& tile, std::size_t r) noexcept {
  constexpr std::size_t block = 256;
  std::int8_t values[4 * block];
  index_range const quads = groups.quads(g);
  std::int32_t sum = 0;
  for (std::size_t done = 0; done < quads.count; done += block) {
    index_range const part{quads.first + done, std::min(block, quads.count - done)};
    sum += unpack_quads(packed, integer, part, groups.begin(g), groups.end(g), values);
    std::int8_t* const out = tile.quads + 4 * ((groups.tile_quad(g) + done) * tile.rows + r);
    for (std::size_t q = 0; q < part.count; ++q) {
      std::memcpy(out + 4 * q * tile.rows, values + 4 * q, 4);
    }
  }
  tile.starts[g * tile.rows + r] = subtracted * sum;
}

/// Unpacks the tokens of a tile. @param ratio groups that share a zero point
template <class Format>
void unpack_tile(product_activations<Format> const& x, gemm_groups const& groups, std::size_t ratio, int subtracted,
                 std::size_t first_row, gemm_tile_view const& tile) noexcept {
  for (std::size_t r = 0; r < tile.rows; ++r) {
    for (std::size_t g = 0; g < groups.count(); ++g) {
      int const zero = x.zero_points.data == nullptr ? 0 : x.zero_points(first_row + r, g / ratio);
      unpack_group(x.codes.row(first_row + r), x.format.decoder(zero), groups, g, subtracted, tile, r);
    }
  }
}

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
