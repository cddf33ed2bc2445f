// The emulated device itself: that it runs kernels, and that it finds the errors that it is there to find.
#include <cstddef>
#include <cstring>
#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
namespace emulated = dfrot::test::emulated;
using emulated::thread_order;

namespace {

__global__ void reverse_in_block(float* values, bool wait) {
  auto* const shared = cuda::shared_memory<float>();
  unsigned const i = threadIdx.x;
  shared[i] = values[blockIdx.x * blockDim.x + i];
  if (wait) {
    __syncthreads();
  }
  values[blockIdx.x * blockDim.x + i] = shared[blockDim.x - 1 - i];
}

__global__ void sum_of_warp(float* values) {
  float sum = values[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  }
  values[threadIdx.x] = sum;
}

__global__ void half_of_the_block_waits() {
  if (threadIdx.x < blockDim.x / 2) {
    __syncthreads();
  }
}

__global__ void the_block_waits_at_two_places() {
  if (threadIdx.x == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void one_lane_stays_away() {
  if (threadIdx.x != 3) {
    static_cast<void>(__shfl_xor_sync(0xffffffffu, 1, 1));
  }
}

__global__ void votes(unsigned* result) {
  result[threadIdx.x] = __ballot_sync(0xffffffffu, threadIdx.x % 2 == 0 ? 1 : 0);
  result[threadIdx.x] += __any_sync(0xffffffffu, threadIdx.x == 7 ? 1 : 0) != 0 ? 1 : 0;
}

std::vector<float> run_reverse(bool wait, thread_order order) {
  std::vector<float> values(3 * 64);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i);
  }
  emulated::device_settings changed;
  changed.order = order;
  emulated::with_settings(changed, [&] {
    cuda::launch({}, {"reverse_in_block", 3, 64, 64 * sizeof(float)}, reverse_in_block, values.data(), wait);
  });
  return values;
}

}  // namespace

TEST_CASE("a barrier makes the result independent of the order of threads, and its absence shows") {
  std::vector<float> expected(3 * 64);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expected[i] = static_cast<float>(i / 64 * 64 + 63 - i % 64);
  }
  for (auto const order : {thread_order::forward, thread_order::backward, thread_order::shuffled}) {
    CHECK(run_reverse(true, order) == expected);
    CHECK(run_reverse(false, order) != expected);
  }
}

TEST_CASE("lanes exchange values, for every order of threads") {
  for (auto const order : {thread_order::forward, thread_order::backward, thread_order::shuffled}) {
    emulated::device_settings changed;
    changed.order = order;
    emulated::with_settings(changed, [] {
      std::vector<float> values(64);
      for (std::size_t i = 0; i < 64; ++i) {
        values[i] = static_cast<float>(i);
      }
      cuda::launch({}, {"sum_of_warp", 1, 64}, sum_of_warp, values.data());
      CHECK(values[5] == 496);
      CHECK(values[63] == 496 + 32 * 32);
      std::vector<unsigned> result(32);
      cuda::launch({}, {"votes", 1, 32}, votes, result.data());
      CHECK(result[9] == 0x55555556u);
    });
  }
}

TEST_CASE("barriers that not all threads reach, and exchanges without all lanes, are reported with their place") {
  CHECK_THROWS_WITH(
      cuda::launch({}, {"k", 1, 64}, half_of_the_block_waits),
      contains_text("32 of 64 threads never come to the barrier at ") && contains_text("emulated_device_test.cpp:"));
  CHECK_THROWS_WITH(cuda::launch({}, {"k", 1, 64}, the_block_waits_at_two_places), contains_text("different barriers"));
  CHECK_THROWS_WITH(cuda::launch({}, {"k", 1, 32}, one_lane_stays_away), contains_text("do not take part"));
  // The device is usable afterwards.
  CHECK(run_reverse(true, thread_order::forward)[0] == 63);
}

TEST_CASE("launches that a device refuses are refused, with the kernel's name, the line and the stream") {
  CHECK_THROWS_WITH(cuda::launch({}, {"too_wide", 1, 1025}, half_of_the_block_waits),
                    contains_text("too_wide: cudaErrorInvalidConfiguration") &&
                        contains_text("emulated_device_test.cpp:") && contains_text("stream 0x0"));
  CHECK_THROWS_WITH(cuda::launch({}, {"no_block", 0, 32}, half_of_the_block_waits), contains_text("no_block"));
  CHECK_THROWS_WITH(cuda::launch({}, {"too_much", 1, 32, 300000}, half_of_the_block_waits),
                    contains_text("too_much: cudaErrorInvalidValue"));
}

TEST_CASE("device memory is not host memory: copies in the wrong direction fail") {
  cuda::device_matrix<float> on_device(cuda::policy{}, 2, 3);
  float host[6] = {};
  CHECK(cudaMemcpyAsync(on_device.data(), host, sizeof host, cudaMemcpyDeviceToDevice, nullptr) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemcpyAsync(on_device.data() + 1, host, sizeof host, cudaMemcpyHostToDevice, nullptr) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemcpyAsync(on_device.data(), host, sizeof host, cudaMemcpyHostToDevice, nullptr) == cudaSuccess);
  CHECK(emulated::live_allocations() == 1);
}

TEST_CASE("no device, an old device and a full memory are errors that say so") {
  emulated::device_settings none;
  none.device_count = 0;
  emulated::with_settings(none, [] {
    CHECK_THROWS_WITH(cuda::require_device(), contains_text("cudaErrorNoDevice") && contains_text("another policy"));
    CHECK_THROWS_AS(cuda::device_matrix<float>(cuda::policy{}, 1, 1), std::runtime_error);
  });
  emulated::device_settings old;
  old.compute_capability = 75;
  emulated::with_settings(
      old, [] { CHECK_THROWS_WITH(cuda::require_device(), contains_text("compute capability 7.5, dfrot needs 8.0")); });
  emulated::device_settings small;
  small.memory_bytes = 1000;
  emulated::with_settings(small, [] {
    CHECK_THROWS_WITH(cuda::device_matrix<float>(cuda::policy{}, 16, 16),
                      contains_text("cudaMallocAsync: cudaErrorMemoryAllocation (out of memory") &&
                          contains_text("fewer rows at a time") && contains_text("device_matrix.cuh:"));
  });
  cuda::require_device();
}
