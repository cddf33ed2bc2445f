#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device/grid.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cuda {

template <class Sign>
__global__ void write_random_signs(std::uint64_t seed, Sign* signs, std::size_t count) {
  std::size_t const i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) {
    signs[i] = static_cast<Sign>(random_sign(seed, random_stream::hadamard_signs, i));
  }
}

/// The signs of a randomized_hadamard of this size and seed, made on the device: s_i = random_sign(seed,
/// hadamard_signs, i).
/// @param signs n values, -1 or +1   Complexity: O(n).   Determinism: the host's bits.
/// Throws: std::runtime_error as check_status().
DFROT_PER_ISA inline void random_signs(policy const& on, std::uint64_t seed,
                                       vector_view<std::int8_t, device_space> signs) {
  constexpr unsigned threads = 256;
  if (signs.size != 0) {
    launch(on, {"write_random_signs", blocks_for(signs.size, threads), threads}, write_random_signs<std::int8_t>, seed,
           signs.data, signs.size);
  }
}

}  // namespace dfrot::cuda
