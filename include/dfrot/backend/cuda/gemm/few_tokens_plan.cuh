#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cuda/codes/int4_words.cuh>
#include <dfrot/backend/cuda/gemm/gemm_operands.cuh>
#include <dfrot/backend/cuda/gemm/weight_panels.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

/// Products of more tokens run on tensor cores.
inline constexpr unsigned most_few_tokens = 8;

/// How a block of 8 warps divides its work.
struct few_tokens_plan {
  static constexpr unsigned warps = 8;
  static constexpr unsigned threads = warps * weight_panels::lanes;

  unsigned panels = 1;       ///< of a block: 1, 2 or 4; warps / panels warps share one
  unsigned blocks = 1;       ///< of 128 codes, in a chunk
  unsigned group_sums = 1;   ///< groups that a chunk can touch
  unsigned group_steps = 1;  ///< steps of 32 codes in a group; the whole row: so many that none ends

  [[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned channels() const { return panels * weight_panels::channels; }
  /// Words of activations of a chunk, 16 of 8 codes for each block and token.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned words(unsigned tokens) const { return blocks * tokens * 16; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t shared_bytes(unsigned tokens) const {
    return words(tokens) * sizeof(code_bytes) + std::size_t{group_sums} * tokens * channels() * sizeof(int);
  }
};

/// @pre groups are multiples of 32 codes, or the whole row   @param multiprocessors that should all have a block
[[nodiscard]] DFROT_PER_ISA inline few_tokens_plan plan_few_tokens(gemm_operands const& of, unsigned tokens,
                                                                   std::size_t multiprocessors) {
  constexpr std::size_t budget = std::size_t{48} * 1024;  // more would leave a multiprocessor with fewer blocks
  std::size_t const panels = weight_panels::panels(of.channels);
  few_tokens_plan plan;
  plan.panels = panels >= 4 * multiprocessors ? 4 : panels >= 2 * multiprocessors ? 2 : 1;
  unsigned const blocks = static_cast<unsigned>(weight_panels(of.k).blocks);  // at most longest_gemm_row / 128
  plan.group_steps = of.group == of.k ? 4 * blocks : static_cast<unsigned>(of.group / 32);
  std::size_t const sums_bytes = plan.channels() * tokens * sizeof(int);  // of a group
  std::size_t const groups_of_block = (4 + plan.group_steps - 1) / plan.group_steps;
  std::size_t const bytes_of_block = 16 * tokens * sizeof(code_bytes) + groups_of_block * sums_bytes;
  plan.blocks = static_cast<unsigned>(std::clamp<std::size_t>((budget - 2 * sums_bytes) / bytes_of_block, 1, blocks));
  plan.group_sums = 4 * plan.blocks / plan.group_steps + 2;
  return plan;
}

}  // namespace dfrot::cuda
