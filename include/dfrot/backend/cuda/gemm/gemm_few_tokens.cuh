#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device/device.cuh>
#include <dfrot/backend/cuda/device/grid.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/gemm/few_tokens_plan.cuh>
#include <dfrot/backend/cuda/gemm/gemm_operands.cuh>
#include <dfrot/backend/cuda/gemm/integer_products.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

// Products of 1 to 8 tokens: bound by the memory that the weights are read from, once. A block of threads has some
// panels of weights, and takes k in chunks: it puts the tokens' codes as bytes into shared memory, its warps multiply a
// panel each, or a slice of one, and add the exact sums of groups in shared memory; then a thread for each result takes
// the groups in order.

/// The tokens' codes of blocks first … first + count - 1, as bytes less their zero points, by all threads.
template <unsigned Tokens>
__device__ inline void load_few_tokens(gemm_operands const& of, unsigned first, unsigned count, code_bytes* to) {
  for (unsigned i = threadIdx.x; i < count * Tokens * 16; i += few_tokens_plan::threads) {
    unsigned const token = i / 16 % Tokens;
    unsigned const index = (first + i / (16 * Tokens)) * 16 + i % 16;
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
/// @param tokens as load_few_tokens() left them   @param groups the sums of the chunk's groups, from first_group on,
/// for the lane's channel
template <unsigned Tokens>
__device__ inline void multiply_chunk(few_tokens_plan const& plan, four_words const* panel, unsigned first,
                                      unsigned count, unsigned first_group, code_bytes const* tokens, int* groups) {
  constexpr unsigned at_once = 4;  // reads under way
  unsigned const lane = threadIdx.x % weight_panels::lanes;
  unsigned const slices = few_tokens_plan::warps / plan.panels;
  unsigned const sums_of_group = Tokens * plan.channels();
  few_tokens_sums<Tokens> sums;
  unsigned group = first_group;
  for (unsigned b = threadIdx.x / weight_panels::lanes / plan.panels; b < count; b += at_once * slices) {
    four_words weights[at_once] = {};
    DFROT_DEVICE_UNROLL for (unsigned u = 0; u < at_once; ++u) {
      if (b + u * slices < count) {
        weights[u] = panel[(first + b + u * slices) * weight_panels::lanes + lane];
      }
    }
    DFROT_DEVICE_UNROLL for (unsigned u = 0; u < at_once; ++u) {
      unsigned const block = b + u * slices;
      if (block >= count) {
        break;
      }
      unsigned left = 0;  // steps until a group ends
      DFROT_DEVICE_UNROLL for (unsigned step = 0; step < 4; ++step, --left) {
        if (left == 0) {
          unsigned const number = 4 * (first + block) + step;
          left = plan.group_steps - number % plan.group_steps;
          if (number / plan.group_steps != group) {
            sums.add_to(groups + (group - first_group) * sums_of_group, plan.channels());
            group = number / plan.group_steps;
          }
        }
        sums.multiply(weights[u].word[step], tokens + block * Tokens * 16 + step * 4 + lane % 4);
      }
    }
  }
  sums.add_to(groups + (group - first_group) * sums_of_group, plan.channels());
}

/// The result of one thread, if it has one: thread i has token i / channels and channel i % channels of its block's,
/// and these sums of each group in shared memory.
template <unsigned Tokens, class Results>
class few_tokens_result {
 public:
  __device__ few_tokens_result(few_tokens_plan const& plan, Results const& to)
      : to_(to),
        token_(threadIdx.x / plan.channels()),
        channel_(std::size_t{blockIdx.x} * plan.channels() + threadIdx.x % plan.channels()),
        sums_of_group_(Tokens * plan.channels()) {}

  /// Clears the sums for a chunk, but for the first group's, which the chunk before left unfinished.
  __device__ void begin_chunk(few_tokens_plan const& plan, int* sums) const {
    for (unsigned g = 0; has_sums() && g < plan.group_sums; ++g) {
      sums[g * sums_of_group_ + threadIdx.x] = g == 0 ? unfinished_ : 0;
    }
  }
  /// Takes the groups first … end - 1, in order; one more is unfinished, unless this is the last chunk.
  __device__ void end_chunk(unsigned first, unsigned end, bool last, int const* sums) {
    for (unsigned g = first; exists() && g < end; ++g) {
      value_ = Results::add(value_, g == 0, sums[(g - first) * sums_of_group_ + threadIdx.x],
                            to_.token_scale(token_, g), to_.channel_scale(channel_, g));
    }
    unfinished_ = has_sums() && !last ? sums[(end - first) * sums_of_group_ + threadIdx.x] : 0;
  }
  __device__ void write() const {
    if (exists()) {
      to_.out(token_, channel_) = value_;
    }
  }

 private:
  [[nodiscard]] __device__ bool has_sums() const { return threadIdx.x < sums_of_group_; }
  [[nodiscard]] __device__ bool exists() const {
    return has_sums() && token_ < to_.out.rows && channel_ < to_.out.columns;
  }

  Results const& to_;
  unsigned token_;
  std::size_t channel_;
  unsigned sums_of_group_;
  int unfinished_ = 0;
  typename Results::value_type value_ = 0;
};

/// Shared memory: the tokens of a chunk, then sums of its groups x tokens x channels.
template <unsigned Tokens, class Results>
__global__ void __launch_bounds__(few_tokens_plan::threads, 4)
    gemm_few_tokens(__grid_constant__ gemm_operands const of, __grid_constant__ few_tokens_plan const plan,
                    __grid_constant__ Results const to) {
  constexpr unsigned lanes = weight_panels::lanes;
  weight_panels const layout(of.k);
  auto* const tokens = shared_memory<code_bytes>();
  auto* const sums = reinterpret_cast<int*>(tokens + plan.words(Tokens));
  unsigned const panel_of_block = threadIdx.x / lanes % plan.panels;
  std::size_t const panel = std::size_t{blockIdx.x} * plan.panels + panel_of_block;
  std::size_t const last_panel = weight_panels::panels(of.channels) - 1;
  four_words const* const weights = of.weights + layout.block(panel < last_panel ? panel : last_panel, 0);
  int* const sums_of_lane = sums + panel_of_block * weight_panels::channels + threadIdx.x % lanes / 4;
  few_tokens_result<Tokens, Results> result(plan, to);
  unsigned const blocks = static_cast<unsigned>(layout.blocks);
  unsigned group = 0;
  for (unsigned first = 0; first < blocks; first += plan.blocks) {
    unsigned const count = plan.blocks < blocks - first ? plan.blocks : blocks - first;
    load_few_tokens<Tokens>(of, first, count, tokens);
    result.begin_chunk(plan, sums);
    __syncthreads();
    multiply_chunk<Tokens>(plan, weights, first, count, group, tokens, sums_of_lane);
    __syncthreads();
    bool const last = first + count == blocks;
    unsigned const finished = last ? static_cast<unsigned>(of.groups()) : 4 * (first + count) / plan.group_steps;
    result.end_chunk(group, finished, last, sums);
    group = finished;
  }
  result.write();
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
