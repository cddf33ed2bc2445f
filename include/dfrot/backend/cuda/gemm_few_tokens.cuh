#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device.cuh>
#include <dfrot/backend/cuda/gemm_operands.cuh>
#include <dfrot/backend/cuda/grid.cuh>
#include <dfrot/backend/cuda/integer_products.cuh>
#include <dfrot/backend/cuda/launch.cuh>
#include <dfrot/backend/cuda/policy.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

// Products of 1 to 8 tokens: bound by the memory that the weights are read from, once. A block of threads has some panels of
// weights, and takes k in chunks: it puts the tokens' codes as bytes into shared memory, its warps multiply a panel each,
// or a slice of one, and add the exact sums of groups in shared memory; then a thread for each result takes the groups in order.

inline constexpr unsigned most_few_tokens = 8;

/// How a block of 8 warps divides its work.
struct few_tokens_plan {
  static constexpr unsigned warps = 8;
  static constexpr unsigned threads = warps * weight_panels::lanes;

  unsigned panels = 1;          ///< of a block: 1, 2 or 4; warps / panels warps share one
  std::size_t blocks = 1;       ///< of 128 codes, in a chunk
  std::size_t group_sums = 1;   ///< groups that a chunk can touch
  std::size_t group_steps = 1;  ///< steps of 32 codes in a group; the whole row: so many that none ends

  [[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned channels() const { return panels * weight_panels::channels; }
  /// Words of activations of a chunk, 16 of 8 codes for each block and token.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t words(unsigned tokens) const { return blocks * tokens * 16; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t shared_bytes(unsigned tokens) const {
    return words(tokens) * sizeof(code_bytes) + group_sums * tokens * channels() * sizeof(int);
  }
};

/// @pre groups are multiples of 32 codes, or the whole row   @param multiprocessors that should all have a block
[[nodiscard]] DFROT_PER_ISA inline few_tokens_plan plan_few_tokens(gemm_operands const& of, unsigned tokens,
                                                                   std::size_t multiprocessors) {
  constexpr std::size_t budget = std::size_t{48} * 1024;  // more would leave a multiprocessor with fewer blocks
  std::size_t const panels = weight_panels::panels(of.channels);
  weight_panels const layout(of.k);
  few_tokens_plan plan;
  plan.panels = panels >= 4 * multiprocessors ? 4 : panels >= 2 * multiprocessors ? 2 : 1;
  plan.group_steps = of.group == of.k ? 4 * layout.blocks : of.group / 32;
  std::size_t const sums_bytes = plan.channels() * tokens * sizeof(int);  // of a group
  std::size_t const groups_of_block = (4 + plan.group_steps - 1) / plan.group_steps;
  std::size_t const bytes_of_block = 16 * tokens * sizeof(code_bytes) + groups_of_block * sums_bytes;
  plan.blocks = std::clamp<std::size_t>((budget - 2 * sums_bytes) / bytes_of_block, 1, layout.blocks);
  plan.group_sums = 4 * plan.blocks / plan.group_steps + 2;
  return plan;
}

/// The tokens' codes of blocks first … first + count - 1, as bytes less their zero points, by all threads.
template <unsigned Tokens>
__device__ inline void load_few_tokens(gemm_operands const& of, std::size_t first, std::size_t count, code_bytes* to) {
  for (std::size_t i = threadIdx.x; i < count * Tokens * 16; i += few_tokens_plan::threads) {
    std::size_t const token = i / 16 % Tokens;
    std::size_t const index = (first + i / (16 * Tokens)) * 16 + i % 16;
    to[i] = token < of.tokens() ? of.activations(token, index) : code_bytes{0, 0};
  }
}

/// One lane's sums for its channel: 16 times what its codes give, for each token.
template <unsigned Tokens>
struct few_tokens_sums {
  int sum[Tokens] = {};

  __device__ void multiply(unsigned weights, code_bytes const* tokens) {
    code_bytes const w = weight_bytes(weights);
    DFROT_DEVICE_UNROLL for (unsigned i = 0; i < Tokens; ++i) {
      code_bytes const x = tokens[i * 16];
      sum[i] = dot_of_bytes(x.odd, w.odd, dot_of_bytes(x.even, w.even, sum[i]));
    }
  }
  /// Adds the sums of the four lanes of each channel to a group's in shared memory, and starts again from 0.
  __device__ void add_to(int* group, unsigned channels) {
    DFROT_DEVICE_UNROLL for (unsigned i = 0; i < Tokens; ++i) {
      int total = sum[i] >> 4;
      total += __shfl_xor_sync(0xffffffffu, total, 1);
      total += __shfl_xor_sync(0xffffffffu, total, 2);
      if (threadIdx.x % 4 == 0) {
        atomicAdd(group + i * channels, total);
      }
      sum[i] = 0;
    }
  }
};

/// One warp's part of a chunk: its panel, and every so many-th block of it.
/// @param tokens as load_few_tokens() left them   @param groups the sums of the chunk's groups, from first_group on, for the
/// lane's channel
template <unsigned Tokens>
__device__ inline void multiply_chunk(few_tokens_plan const& plan, four_words const* panel, std::size_t first,
                                      std::size_t count, std::size_t first_group, code_bytes const* tokens,
                                      int* groups) {
  constexpr unsigned at_once = 4;  // reads under way
  unsigned const lane = threadIdx.x % weight_panels::lanes;
  unsigned const slices = few_tokens_plan::warps / plan.panels;
  std::size_t const sums_of_group = std::size_t{Tokens} * plan.channels();
  few_tokens_sums<Tokens> sums;
  std::size_t group = first_group;
  for (std::size_t b = threadIdx.x / weight_panels::lanes / plan.panels; b < count; b += at_once * slices) {
    four_words weights[at_once] = {};
    DFROT_DEVICE_UNROLL for (unsigned u = 0; u < at_once; ++u) {
      if (b + u * slices < count) {
        weights[u] = panel[(first + b + u * slices) * weight_panels::lanes + lane];
      }
    }
    DFROT_DEVICE_UNROLL for (unsigned u = 0; u < at_once; ++u) {
      std::size_t const block = b + u * slices;
      if (block >= count) {
        break;
      }
      unsigned left = 0;  // steps until a group ends
      DFROT_DEVICE_UNROLL for (unsigned step = 0; step < 4; ++step, --left) {
        if (left == 0) {
          unsigned const number = static_cast<unsigned>(4 * (first + block) + step);
          unsigned const length = static_cast<unsigned>(plan.group_steps);
          unsigned const next = number / length;
          left = length - number % length;
          if (next != group) {
            sums.add_to(groups + (group - first_group) * sums_of_group, plan.channels());
            group = next;
          }
        }
        sums.multiply(weights[u].word[step], tokens + block * Tokens * 16 + step * 4 + lane % 4);
      }
    }
  }
  sums.add_to(groups + (group - first_group) * sums_of_group, plan.channels());
}

/// Shared memory: the tokens of a chunk, then sums of its groups x tokens x channels.
template <unsigned Tokens, class Results>
__global__ void __launch_bounds__(few_tokens_plan::threads)
    gemm_few_tokens(gemm_operands of, few_tokens_plan plan, Results to) {
  weight_panels const layout(of.k);
  auto* const tokens = shared_memory<code_bytes>();
  auto* const sums = reinterpret_cast<int*>(tokens + plan.words(Tokens));
  unsigned const warp = threadIdx.x / weight_panels::lanes;
  std::size_t const panel = std::size_t{blockIdx.x} * plan.panels + warp % plan.panels;
  std::size_t const last_panel = weight_panels::panels(of.channels) - 1;
  unsigned const lane_channel = warp % plan.panels * weight_panels::channels + threadIdx.x % weight_panels::lanes / 4;
  // The result of this thread, if any, and its sums.
  unsigned const results = Tokens * plan.channels();
  std::size_t const token = threadIdx.x / plan.channels();
  std::size_t const channel = std::size_t{blockIdx.x} * plan.channels() + threadIdx.x % plan.channels();
  bool const has_result = threadIdx.x < results;
  bool const writes = has_result && token < of.tokens() && channel < of.channels;
  typename Results::value_type value = 0;
  int unfinished = 0;
  std::size_t group = 0;
  for (std::size_t first = 0; first < layout.blocks; first += plan.blocks) {
    std::size_t const count = plan.blocks < layout.blocks - first ? plan.blocks : layout.blocks - first;
    load_few_tokens<Tokens>(of, first, count, tokens);
    for (std::size_t g = 0; has_result && g < plan.group_sums; ++g) {
      sums[g * results + threadIdx.x] = g == 0 ? unfinished : 0;
    }
    __syncthreads();
    multiply_chunk<Tokens>(plan, of.weights + layout.block(panel < last_panel ? panel : last_panel, 0), first, count,
                           group, tokens, sums + lane_channel);
    __syncthreads();
    bool const last = first + count == layout.blocks;
    std::size_t const finished = last ? of.groups() : 4 * (first + count) / plan.group_steps;
    for (std::size_t g = group; writes && g < finished; ++g) {
      value = Results::add(value, g == 0, sums[(g - group) * results + threadIdx.x], to.token_scale(token, g),
                           to.channel_scale(channel, g));
    }
    unfinished = has_result && !last ? sums[(finished - group) * results + threadIdx.x] : 0;
    group = finished;
  }
  if (writes) {
    to.out(token, channel) = value;
  }
}

/// @pre 1 to 8 tokens; groups are multiples of 32 codes, or the whole row; k > 0
template <class Results>
void launch_gemm_few_tokens(policy const& on, gemm_operands const& of, Results const& to) {
  auto const multiprocessors = static_cast<std::size_t>(device_attribute(cudaDevAttrMultiProcessorCount));
  auto const launch_for = [&](unsigned tokens, auto* kernel) {
    few_tokens_plan const plan = plan_few_tokens(of, tokens, multiprocessors);
    dim3 const blocks = blocks_for(weight_panels::panels(of.channels), plan.panels);
    launch(on, {"gemm_few_tokens", blocks, few_tokens_plan::threads, plan.shared_bytes(tokens)}, kernel, of, plan, to);
  };
  if (of.tokens() == 1) {
    launch_for(1, gemm_few_tokens<1, Results>);
  } else if (of.tokens() == 2) {
    launch_for(2, gemm_few_tokens<2, Results>);
  } else if (of.tokens() <= 4) {
    launch_for(4, gemm_few_tokens<4, Results>);
  } else {
    launch_for(8, gemm_few_tokens<8, Results>);
  }
}

}  // namespace dfrot::cuda
