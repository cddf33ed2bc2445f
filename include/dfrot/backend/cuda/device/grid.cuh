#pragma once

#include <cstddef>

#include <cuda_runtime.h>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>

namespace dfrot::cuda {

/// Blocks that one launch may have along x, on every device.
inline constexpr std::size_t most_blocks = (std::size_t{1} << 31u) - 1;

/// The blocks that `items` pieces of work take, so many a block, in a row.
/// @pre items_of_block >= 1   Complexity: O(1).
/// Throws: std::invalid_argument if these are more blocks than a launch may have: work on fewer rows at a time.
[[nodiscard]] DFROT_PER_ISA inline dim3 blocks_for(std::size_t items, std::size_t items_of_block) {
  std::size_t const blocks = items / items_of_block + (items % items_of_block != 0 ? 1 : 0);
  expects(blocks <= most_blocks, "this operation takes ", blocks, " blocks of threads, a CUDA device starts at most ",
          most_blocks, " at once: work on fewer rows at a time");
  return {static_cast<unsigned>(blocks)};
}

}  // namespace dfrot::cuda
