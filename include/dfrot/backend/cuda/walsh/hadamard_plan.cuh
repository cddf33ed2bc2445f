#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device/device.cuh>
#include <dfrot/backend/cuda/walsh/base_signs.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_tile.cuh>
#include <dfrot/config.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cuda {

/// Threads of a block where a tile needs fewer: several tiles share a block.
inline constexpr unsigned usual_threads = 256;

/// Values of shared memory that tiles may fill, of `value_bytes` each: a block's, less the words of a base matrix.
[[nodiscard]] DFROT_PER_ISA inline std::size_t tile_capacity(std::size_t value_bytes) {
  std::size_t const bytes = largest_shared_memory() - argument_words * sizeof(std::uint16_t);
  return bytes / value_bytes / 17 * 16;  // of 17 values one is padding
}

/// The passes of a transform of order n over memory: one where a run fits into shared memory. Otherwise the first pass
/// transforms pieces of 2^13 values, each further one as many levels as fit beside 16 neighbours (fewer for large
/// bases), and the last one the base matrix, too.
class hadamard_plan {
 public:
  /// @param capacity values that fit into a block's shared memory; at least the order of the base matrix
  DFROT_PER_ISA hadamard_plan(hadamard_order const& order, std::size_t capacity) {
    std::size_t const n = order.size();
    unsigned const base = static_cast<unsigned>(order.base());
    unsigned const levels = static_cast<unsigned>(order.log2_rest());
    if (n <= capacity) {
      add_pass(n, base, 0, levels, 0);
      return;
    }
    unsigned const piece = static_cast<unsigned>(std::bit_width(std::min(capacity, std::size_t{1} << 13u))) - 1u;
    unsigned done = std::min(piece, levels);
    add_pass(n, 1, 0, done, 0);
    while (true) {
      unsigned columns = std::min(done, 4u);
      while (columns > 0 && (base << columns) > capacity) {
        --columns;
      }
      std::size_t const left = std::size_t{base} << (levels - done);
      if ((left << columns) <= capacity) {
        add_pass(n, base, done, levels - done, columns);
        return;
      }
      unsigned const next = std::min(levels - done, piece - columns);
      add_pass(n, 1, done, next, columns);
      done += next;
    }
  }

  [[nodiscard]] std::size_t passes() const { return count_; }
  [[nodiscard]] hadamard_tile const& tile(std::size_t pass) const { return tiles_[pass]; }

 private:
  /// A pass over levels done … done + levels - 1, and over the base.
  DFROT_PER_ISA void add_pass(std::size_t n, unsigned base, unsigned done, unsigned levels, unsigned columns) {
    hadamard_tile& tile = tiles_[count_++];
    tile.base = base;
    tile.log2_rest = levels + columns;
    tile.first_level = columns;
    if (done != 0) {
      tile.log2_columns = columns;
      tile.stride = std::size_t{1} << done;
      tile.inner_step = std::size_t{1} << columns;
      tile.inner_tiles = tile.stride >> columns;
    }
    tile.outer_step = std::size_t{base} << (done + levels);
    tile.tiles = n / tile.size();
    unsigned const wanted = std::bit_ceil(std::max({tile.size() / 16, base_words(base), 1u}));
    tile.threads = std::min(wanted, 1024u);
  }

  // Each pass but the last takes 9 levels or more, and a number of values has at most 64.
  hadamard_tile tiles_[8];
  std::size_t count_ = 0;
};

}  // namespace dfrot::cuda
