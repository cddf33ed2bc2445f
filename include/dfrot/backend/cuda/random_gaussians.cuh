#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device/convert.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cuda {

template <class T>
__global__ void write_random_gaussians(std::uint64_t seed, random_stream stream, T* values, std::size_t count) {
  std::size_t const block = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (4 * block < count) {
    gaussian_values const drawn = gaussian_block(seed, stream, block);
    for (unsigned k = 0; k < 4 && 4 * block + k < count; ++k) {
      values[4 * block + k] = store_value<T>(static_cast<arithmetic_t<T>>(drawn.value[k]));
    }
  }
}

/// Independent N(0, 1) numbers, made on the device: value 4 i + k is value k of gaussian_block(seed, stream, i),
/// rounded to T.
/// @param values any number of float, double, half or bfloat16
/// Complexity: O(n).   Determinism: the host's bits, since gaussian_block() is made of correctly rounded operations,
/// which a device without fast-math has, too, and leaves the compiler no product to fuse with a sum.
/// Throws: std::runtime_error as check_status().   Source: see gaussian_block().
template <storage T>
void random_gaussians(policy const& on, std::uint64_t seed, random_stream stream, vector_view<T, device_space> values) {
  constexpr unsigned threads = 256;
  std::size_t const values_of_block = std::size_t{4} * threads;
  if (values.size != 0) {
    dim3 const blocks(static_cast<unsigned>((values.size + values_of_block - 1) / values_of_block));
    launch(on, {"write_random_gaussians", blocks, threads}, write_random_gaussians<T>, seed, stream, values.data,
           values.size);
  }
}

}  // namespace dfrot::cuda
