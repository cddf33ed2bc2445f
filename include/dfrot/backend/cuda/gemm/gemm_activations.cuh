#pragma once

#include <cstddef>

#include <dfrot/backend/cuda/device/grid.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/gemm/gemm_operands.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

/// The layout of activations for tensor cores, as signed bytes less their zero points: tiles of 16 tokens, each a run
/// of steps of 32 codes. A step has 512 bytes: 16 for each lane of a warp, its whole operand of multiply_16x8x32().
/// Lane 4 r + t has of tokens r and r + 8 the even codes of word t of the step, then their odd ones.
struct activation_tiles {
  static constexpr unsigned tokens = 16;
  static constexpr unsigned lanes = weight_panels::lanes;

  std::size_t steps = 0;  ///< four for each block of the weights

  DFROT_HOST_DEVICE constexpr explicit activation_tiles(std::size_t k) : steps(4 * weight_panels(k).blocks) {}

  /// Where a step starts, counted in lanes' pieces of 16 bytes.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t step(std::size_t tile, std::size_t number) const {
    return (tile * steps + number) * lanes;
  }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t bytes(std::size_t tiles) const {
    return step(tiles, 0) * sizeof(four_words);
  }
};

/// A thread a lane's piece. Tokens beyond m are zero.
template <class Piece>
__global__ void write_activation_tiles(gemm_operands of, std::size_t tiles, Piece* to) {
  activation_tiles const layout(of.k);
  std::size_t const i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  std::size_t const tile = i / activation_tiles::lanes / layout.steps;
  if (tile < tiles) {
    std::size_t const step = i / activation_tiles::lanes % layout.steps;
    std::size_t const token = tile * activation_tiles::tokens + i % activation_tiles::lanes / 4;
    std::size_t const index = 4 * step + i % 4;
    code_bytes const upper = token < of.tokens() ? of.activations(token, index) : code_bytes{0, 0};
    code_bytes const lower = token + 8 < of.tokens() ? of.activations(token + 8, index) : code_bytes{0, 0};
    to[i] = Piece{{upper.even, lower.even, upper.odd, lower.odd}};
  }
}

/// @param to activation_tiles::bytes(tiles), aligned to 16
DFROT_PER_ISA inline void prepare_activations(policy const& on, gemm_operands const& of, std::size_t tiles,
                                              four_words* to) {
  constexpr unsigned threads = 256;
  std::size_t const pieces = activation_tiles(of.k).step(tiles, 0);
  launch(on, {"write_activation_tiles", blocks_for(pieces, threads), threads}, write_activation_tiles<four_words>, of,
         tiles, to);
}

}  // namespace dfrot::cuda
