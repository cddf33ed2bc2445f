#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/gemm/gemm_tile.hpp>
#include <dfrot/backend/cpu/gemm/gemm_tile_avx2.hpp>
#include <dfrot/backend/cpu/gemm/gemm_tile_avx512.hpp>
#include <dfrot/backend/cpu/gemm/gemm_tile_neon.hpp>
#include <dfrot/backend/cpu/isa/tuning.hpp>
#include <dfrot/core/ceil_div.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// A run of indices.
struct index_range {
  std::size_t first = 0;
  std::size_t count = 0;
};

/// The part of 0 … total - 1 with this index when it is cut into parts whose sizes differ by one at most.
constexpr index_range even_part(std::size_t total, std::size_t parts, std::size_t index) {
  std::size_t const size = total / parts;
  std::size_t const larger = total % parts;
  return {index * size + std::min(index, larger), size + (index < larger ? 1 : 0)};
}

/// The groups of a row of k channels, and where their quads stand in an unpacked tile. A group need not begin or end at
/// a quad of the weights: a quad that two groups share stands in the tile twice, each time with zeros for the other.
struct gemm_groups {
  std::size_t k = 0;
  std::size_t size = 1;  ///< channels of a group; the last may have fewer

  [[nodiscard]] constexpr std::size_t count() const { return ceil_div(k, size); }
  [[nodiscard]] constexpr std::size_t begin(std::size_t g) const { return g * size; }
  [[nodiscard]] constexpr std::size_t end(std::size_t g) const { return std::min(k, (g + 1) * size); }
  /// The weights' quads that group g touches.
  [[nodiscard]] constexpr index_range quads(std::size_t g) const {
    return {begin(g) / 4, ceil_div(end(g), 4) - begin(g) / 4};
  }
  /// The position of group g's first quad in a tile.
  [[nodiscard]] constexpr std::size_t tile_quad(std::size_t g) const { return begin(g) / 4 + (size % 4 != 0 ? g : 0); }
  /// Quads that a tile has room for.
  [[nodiscard]] constexpr std::size_t tile_quads() const {
    return ceil_div(k, 4) + (size % 4 != 0 && count() > 0 ? count() - 1 : 0);
  }
};

/// How m tokens are cut: into tiles of even height, and those into chunks that are unpacked at a time, so that a panel of
/// weights, once in the cache, meets all tiles of a chunk, and a chunk stays in the second-level cache.
template <class Arch>
struct gemm_plan {
  std::size_t m = 0;
  gemm_groups groups;

  /// Memory for one tile of full height: the starts of its sums (see gemm_tile::dot), group by group; then its quads.
  [[nodiscard]] constexpr std::size_t tile_bytes() const {
    return 4 * gemm_tile<Arch>::rows * (groups.count() + groups.tile_quads());
  }
  [[nodiscard]] constexpr std::size_t tiles() const { return ceil_div(m, gemm_tile<Arch>::rows); }
  [[nodiscard]] constexpr std::size_t tiles_in_chunk() const {
    return std::max<std::size_t>(1,
                                 std::min(tiles(), tuning::gemm_chunk_bytes / std::max<std::size_t>(1, tile_bytes())));
  }
  [[nodiscard]] constexpr std::size_t chunks() const { return ceil_div(tiles(), tiles_in_chunk()); }
  /// The tiles of a chunk.
  [[nodiscard]] constexpr index_range chunk(std::size_t c) const { return even_part(tiles(), chunks(), c); }
  /// The tokens of a tile.
  [[nodiscard]] constexpr index_range tile(std::size_t t) const { return even_part(m, tiles(), t); }
};

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
