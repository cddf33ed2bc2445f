#pragma once

#include <cstddef>

#include <dfrot/backend/cuda/device/convert.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

/// The part of a run of n values that some threads of a block transform in shared memory: K 2^m values, of which the
/// levels first_level … m - 1 of a Walsh-Hadamard transform and the base matrix H_K are done.
///   value i of the tile is value start(t) + offset(i) of the run
/// A tile is a whole run where that fits into shared memory. Otherwise the transform takes several passes over memory,
/// and a tile is 2^log2_columns neighbours of runs that are `stride` values apart.
struct hadamard_tile {
  static constexpr unsigned contiguous = 31;  ///< log2_columns of a tile that is one piece

  unsigned base = 1;                   ///< K
  unsigned log2_rest = 0;              ///< m
  unsigned first_level = 0;            ///< levels below it are left alone: log2_columns of a tile in pieces
  unsigned log2_columns = contiguous;  ///< neighbours that a piece has
  unsigned threads = 1;                ///< that work on one tile: a power of two
  std::size_t stride = 0;              ///< from piece to piece
  std::size_t inner_tiles = 1;         ///< tiles side by side
  std::size_t inner_step = 0;          ///< from one of them to the next
  std::size_t outer_step = 0;          ///< from `inner_tiles` of them to the next
  std::size_t tiles = 1;               ///< in a run

  /// K 2^m.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned size() const { return base << log2_rest; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t start(std::size_t tile) const {
    return tile / inner_tiles * outer_step + tile % inner_tiles * inner_step;
  }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t offset(unsigned i) const {
    return (i >> log2_columns) * stride + (i & ((1u << log2_columns) - 1u));
  }
};

/// Where value i of a tile stands in shared memory. Four values of padding after 64 keep the 32 banks apart where
/// threads read values 64 apart, and leave quads whole.
[[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned padded(unsigned i) { return i + (i >> 6u) * 4u; }

/// Value number `item` of those whose bits low … low + count - 1 are 0: a work item transforms the 2^count values that
/// differ in these bits alone.
[[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned spread(unsigned item, unsigned low, unsigned count) {
  unsigned const below = item & ((1u << low) - 1u);
  return ((item >> low) << (low + count)) | below;
}

/// The Walsh-Hadamard transform of 2^Levels values, unnormalized: upper + lower, upper - lower, from neighbours up.
template <unsigned Levels, class Real>
DFROT_HOST_DEVICE constexpr void butterflies(Real (&values)[1u << Levels]) {
  DFROT_DEVICE_UNROLL for (unsigned level = 0; level < Levels; ++level) {
    DFROT_DEVICE_UNROLL for (unsigned pair = 0; pair < (1u << Levels) / 2u; ++pair) {
      unsigned const upper = spread(pair, level, 1);
      unsigned const lower = upper + (1u << level);
      Real const sum = values[upper] + values[lower];
      values[lower] = values[upper] - values[lower];
      values[upper] = sum;
    }
  }
}

/// Levels low … low + Levels - 1 of a tile in shared memory, by the threads of the tile. @pre a barrier before it
template <unsigned Levels, class Real>
__device__ inline void walsh_levels(hadamard_tile const& tile, Real* values, unsigned low, unsigned thread) {
  for (unsigned item = thread; item < tile.size() >> Levels; item += tile.threads) {
    unsigned const first = spread(item, low, Levels);
    Real part[1u << Levels];
    DFROT_DEVICE_UNROLL for (unsigned k = 0; k < 1u << Levels; ++k) { part[k] = values[padded(first + (k << low))]; }
    butterflies<Levels>(part);
    DFROT_DEVICE_UNROLL for (unsigned k = 0; k < 1u << Levels; ++k) { values[padded(first + (k << low))] = part[k]; }
  }
}

/// Levels `done` … m - 1 of a tile in shared memory, four at a time, and a barrier after each four: 16 values are in a
/// thread's registers. (A shuffle between lanes costs what an access to shared memory does: levels by shuffles would
/// take one a value each, four levels this way take two.)
/// @pre a barrier before it; every thread of the block calls it, with equal tiles
template <class Real>
__device__ inline void walsh_hadamard(hadamard_tile const& tile, Real* values, unsigned done, unsigned thread) {
  while (done < tile.log2_rest) {
    unsigned const levels = tile.log2_rest - done;
    if (levels >= 4) {
      walsh_levels<4>(tile, values, done, thread);
    } else if (levels == 3) {
      walsh_levels<3>(tile, values, done, thread);
    } else if (levels == 2) {
      walsh_levels<2>(tile, values, done, thread);
    } else {
      walsh_levels<1>(tile, values, done, thread);
    }
    done += levels >= 4 ? 4 : levels;
    __syncthreads();
  }
}

}  // namespace dfrot::cuda
