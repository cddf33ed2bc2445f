#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cuda/device/async_copy.cuh>
#include <dfrot/backend/cuda/device/grid.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/gemm/gemm_activations.cuh>
#include <dfrot/backend/cuda/gemm/gemm_operands.cuh>
#include <dfrot/backend/cuda/gemm/integer_products.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

/// What a block of threads multiplies on tensor cores: Down x Across warps, each of them Tiles x 16 tokens with
/// Panels x 8 channels, 128 codes at a time; so many stages of 128 codes are in shared memory, all but one on their
/// way. Both operands lie as the lanes read them, 16 bytes each, one after another: no two lanes meet in a bank.
template <unsigned Tiles, unsigned Panels, unsigned Down, unsigned Across, unsigned Stages>
struct gemm_shape {
  static constexpr unsigned tiles_of_warp = Tiles;
  static constexpr unsigned panels_of_warp = Panels;
  static constexpr unsigned warps_across = Across;
  static constexpr unsigned stages = Stages;
  static constexpr unsigned threads = Down * Across * weight_panels::lanes;
  static constexpr unsigned tiles = Tiles * Down;      ///< of 16 tokens, in a block of threads
  static constexpr unsigned panels = Panels * Across;  ///< of 8 channels, in a block of threads
  /// Pieces of 16 bytes of the activations, and of a whole stage.
  static constexpr unsigned activation_pieces = tiles * 4 * weight_panels::lanes;
  static constexpr unsigned stage_pieces = activation_pieces + panels * weight_panels::lanes;
  static constexpr std::size_t shared_bytes = std::size_t{stages} * stage_pieces * sizeof(four_words);
};

/// Many tokens, bound by arithmetic: 128 tokens x 128 channels, 72 KiB of shared memory.
using wide_gemm = gemm_shape<4, 4, 2, 4, 3>;
/// Few tokens, bound by memory: 32 tokens x 32 channels, so that all multiprocessors read; 48 KiB.
using narrow_gemm = gemm_shape<1, 2, 2, 2, 8>;

/// A further stage into shared memory, by all threads of the block. Panels beyond the last are those of the last.
template <class Shape>
__device__ inline void start_stage(gemm_operands const& of, four_words const* activations, std::size_t first_tile,
                                   std::size_t first_panel, std::size_t number, four_words* stage) {
  constexpr unsigned lanes = weight_panels::lanes;
  weight_panels const weights(of.k);
  activation_tiles const tokens(of.k);
  std::size_t const last = weight_panels::panels(of.channels) - 1;
  for (unsigned i = threadIdx.x; i < Shape::stage_pieces; i += Shape::threads) {
    if (i < Shape::activation_pieces) {
      start_copy_16(stage + i, activations + tokens.step(first_tile + i / (4 * lanes), 4 * number) + i % (4 * lanes));
    } else {
      unsigned const piece = i - Shape::activation_pieces;
      std::size_t const panel = first_panel + piece / lanes;
      start_copy_16(stage + i, of.weights + weights.block(panel < last ? panel : last, number) + piece % lanes);
    }
  }
}

/// What a lane has of its warp's tiles: 16 times the sums of the group at hand, and the results so far.
template <class Shape, class Results, bool Grouped>
class warp_results {
 public:
  static constexpr unsigned tiles = Shape::tiles_of_warp;
  static constexpr unsigned panels = Shape::panels_of_warp;

  /// @param token, channel of the lane's first result: those of sum[0] of multiply_16x8x32()
  __device__ warp_results(Results const& to, std::size_t token, std::size_t channel)
      : to_(to), token_(token), channel_(channel) {}

  /// 32 codes of all tiles. @param activations of the warp's tiles   @param weights of the lane, for the stage
  __device__ void multiply(four_words const* activations, four_words const (&weights)[panels], unsigned step) {
    four_words x[tiles];
    DFROT_DEVICE_UNROLL for (unsigned i = 0; i < tiles; ++i) {
      x[i] = activations[(i * 4 + step) * weight_panels::lanes];
    }
    DFROT_DEVICE_UNROLL for (unsigned j = 0; j < panels; ++j) {
      code_bytes const codes = weight_bytes(weights[j].word[step]);
      unsigned const w[2] = {codes.even, codes.odd};
      DFROT_DEVICE_UNROLL for (unsigned i = 0; i < tiles; ++i) { multiply_16x8x32(x[i].word, w, sums_[i][j]); }
    }
  }

  /// Ends group g.
  __device__ void add_group(std::size_t g) {
    float channel[panels][2];
    DFROT_DEVICE_UNROLL for (unsigned j = 0; j < 2 * panels; ++j) {
      channel[j / 2][j % 2] = to_.channel_scale(channel_ + j / 2 * weight_panels::channels + j % 2, g);
    }
    DFROT_DEVICE_UNROLL for (unsigned i = 0; i < 2 * tiles; ++i) {
      float const token = to_.token_scale(token_ + 8 * i, g);
      DFROT_DEVICE_UNROLL for (unsigned j = 0; j < 2 * panels; ++j) {
        unsigned const r = i % 2 * 2 + j % 2;
        int& sum = sums_[i / 2][j / 2][r];
        value& result = Grouped ? values_[i / 2][j / 2][r] : values_[0][0][0];
        result = Results::add(result, !Grouped || g == 0, sum >> 4, token, channel[j / 2][j % 2]);
        if constexpr (Grouped) {
          sum = 0;
        } else {
          write(i, j, result);
        }
      }
    }
  }

  /// Writes the results of all groups.
  __device__ void write_all() const {
    DFROT_DEVICE_UNROLL for (unsigned i = 0; i < 2 * tiles; ++i) {
      DFROT_DEVICE_UNROLL for (unsigned j = 0; j < 2 * panels; ++j) {
        write(i, j, values_[i / 2][j / 2][i % 2 * 2 + j % 2]);
      }
    }
  }

 private:
  using value = typename Results::value_type;

  __device__ void write(unsigned i, unsigned j, value result) const {
    std::size_t const token = token_ + 8 * i;
    std::size_t const channel = channel_ + j / 2 * weight_panels::channels + j % 2;
    if (token < to_.out.rows && channel < to_.out.columns) {
      to_.out(token, channel) = result;
    }
  }

  Results const& to_;
  std::size_t token_;
  std::size_t channel_;
  int sums_[tiles][panels][4] = {};
  value values_[Grouped ? tiles : 1][Grouped ? panels : 1][Grouped ? 4 : 1] = {};
};

/// X W^T, a block of threads a tile of it. Neighbouring blocks share channels, so that weights come from memory once.
template <class Shape, class Results, bool Grouped>
__global__ void __launch_bounds__(Shape::threads)
    gemm_tiles(__grid_constant__ gemm_operands const of, four_words const* activations, std::size_t token_blocks,
               __grid_constant__ Results const to) {
  constexpr unsigned lanes = weight_panels::lanes;
  auto* const shared = shared_memory<four_words>();
  std::size_t const blocks = weight_panels(of.k).blocks;
  std::size_t const first_tile = blockIdx.x % token_blocks * Shape::tiles;
  std::size_t const first_panel = blockIdx.x / token_blocks * Shape::panels;
  unsigned const lane = threadIdx.x % lanes;
  unsigned const warp = threadIdx.x / lanes;
  unsigned const tile = warp / Shape::warps_across * Shape::tiles_of_warp;
  unsigned const panel = warp % Shape::warps_across * Shape::panels_of_warp;
  warp_results<Shape, Results, Grouped> results(to, (first_tile + tile) * activation_tiles::tokens + lane / 4,
                                                (first_panel + panel) * weight_panels::channels + 2 * (lane % 4));
  for (unsigned b = 0; b + 1 < Shape::stages; ++b) {
    if (b < blocks) {
      start_stage<Shape>(of, activations, first_tile, first_panel, b, shared + b * Shape::stage_pieces);
    }
    end_copy_batch();
  }
  std::size_t group = 0;
  std::size_t codes_left = of.group;  // of the group
  for (std::size_t b = 0; b < blocks; ++b) {
    wait_for_copies<Shape::stages - 2>();
    __syncthreads();  // stage b is there for all, and all have used the stage before it, which is filled next
    std::size_t const next = b + Shape::stages - 1;
    if (next < blocks) {
      start_stage<Shape>(of, activations, first_tile, first_panel, next,
                         shared + next % Shape::stages * Shape::stage_pieces);
    }
    end_copy_batch();
    four_words const* const stage = shared + b % Shape::stages * Shape::stage_pieces;
    four_words weights[Shape::panels_of_warp];
    DFROT_DEVICE_UNROLL for (unsigned j = 0; j < Shape::panels_of_warp; ++j) {
      weights[j] = stage[Shape::activation_pieces + (panel + j) * lanes + lane];
    }
    DFROT_DEVICE_UNROLL for (unsigned step = 0; step < 4; ++step) {
      results.multiply(stage + tile * 4 * lanes + lane, weights, step);
      if constexpr (Grouped) {
        codes_left -= 32;
        if (codes_left == 0 && group + 1 < of.groups()) {
          results.add_group(group++);
          codes_left = of.group;
        }
      }
    }
  }
  results.add_group(group);  // the last one, which may be shorter, and has zeros beyond
  if constexpr (Grouped) {
    results.write_all();
  }
}

template <class Shape, class Results>
void launch_gemm_tiles(policy const& on, gemm_operands const& of, Results const& to, four_words* activations) {
  std::size_t const tokens_of_block = Shape::tiles * activation_tiles::tokens;
  std::size_t const token_blocks = ceil_div(of.tokens(), tokens_of_block);
  std::size_t const channel_blocks = ceil_div(weight_panels::panels(of.channels), Shape::panels);
  launch_shape const shape("gemm_tiles", blocks_for(token_blocks * channel_blocks, 1), Shape::threads,
                           Shape::shared_bytes);
  prepare_activations(on, of, token_blocks * Shape::tiles, activations);
  if constexpr (std::is_same_v<Results, scaled_results>) {
    if (of.groups() > 1) {
      launch(on, shape, gemm_tiles<Shape, Results, true>, of, activations, token_blocks, to);
      return;
    }
  }
  launch(on, shape, gemm_tiles<Shape, Results, false>, of, activations, token_blocks, to);
}

}  // namespace dfrot::cuda
