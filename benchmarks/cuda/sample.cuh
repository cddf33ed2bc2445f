#pragma once

#include <cstddef>
#include <cstdint>
#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/core/gaussian.hpp>

#include "support/sample_tables.hpp"

namespace dfrot::bench {

/// What makes a token of the built-in sample, in device memory.
struct sample_rows {
  std::uint64_t seed;
  std::size_t massive_every;
  double const* mean;
  double const* spread;
  double const* massive_row;
};

/// One block a token; each thread makes four values at a time, and the row is divided by its root mean square.
/// Shared memory: a double a thread.
template <class T>
__global__ void write_sample(sample_rows sample, matrix_view<T, device_space> x) {
  double* const sums = cuda::shared_memory<double>();
  std::size_t const row = blockIdx.x;
  bool const is_massive = row % sample.massive_every == 0;
  std::size_t const quads = (x.columns + 3) / 4;
  double sum = 0;
  for (std::size_t block = threadIdx.x; block < quads; block += blockDim.x) {
    gaussian_values const g =
        gaussian_block(sample.seed, random_stream::sample, row * quads + block, example::detail::token_lane);
    for (std::size_t j = 4 * block; j < x.columns && j < 4 * block + 4; ++j) {
      double const noise = g.value[j % 4];
      T const value =
          static_cast<T>(is_massive ? sample.massive_row[j] + 0.01 * noise : sample.mean[j] + sample.spread[j] * noise);
      x(row, j) = value;
      sum += static_cast<double>(value) * static_cast<double>(value);
    }
  }
  sums[threadIdx.x] = sum;
  for (unsigned distance = blockDim.x / 2; distance != 0; distance /= 2) {
    __syncthreads();
    if (threadIdx.x < distance) {
      sums[threadIdx.x] += sums[threadIdx.x + distance];
    }
  }
  __syncthreads();
  double const root = sqrt(sums[0] / static_cast<double>(x.columns) + 1e-6);
  for (std::size_t block = threadIdx.x; block < quads; block += blockDim.x) {
    for (std::size_t j = 4 * block; j < x.columns && j < 4 * block + 4; ++j) {
      x(row, j) = static_cast<T>(static_cast<double>(x(row, j)) / root);
    }
  }
}

/// The built-in sample (see example::make_sample), made on the device: the host's values but for the order of the sums
/// that normalise a row, and for products and sums that the compiler fuses.
[[nodiscard]] inline cuda::device_matrix<float> device_sample(std::uint64_t seed, example::sample_size const& size) {
  cuda::policy const on{};
  example::sample_tables const here(seed, size.channels);
  cuda::device_matrix<double> tables(on, 3, size.channels);
  std::size_t row = 0;
  for (std::vector<double> const* const table : {&here.mean, &here.spread, &here.massive_row}) {
    cuda::copy(on, matrix_view<double const>(table->data(), 1, size.channels), tables.view().row_block(row++, 1));
  }
  sample_rows const sample{seed, size.massive_every, tables.view().row(0), tables.view().row(1), tables.view().row(2)};
  cuda::device_matrix<float> x(on, size.tokens, size.channels);
  constexpr unsigned threads = 256;
  cuda::launch(on, {"write_sample", dim3(static_cast<unsigned>(size.tokens)), threads, threads * sizeof(double)},
               write_sample<float>, sample, x.view());
  cuda::synchronize(on);
  return x;
}

}  // namespace dfrot::bench
