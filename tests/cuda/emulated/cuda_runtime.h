#pragma once

// Stands in for the CUDA runtime's header where kernels are compiled by a host compiler and run on the emulated device.
// Only what dfrot uses. Names, values and contracts are those of the CUDA Runtime API's documentation.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "emulated_device.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
// Only for `extern __shared__` (see launch.cuh): a local variable without it would belong to one thread.
#define __shared__

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  dim3() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): as CUDA's
  dim3(unsigned count_x, unsigned count_y = 1, unsigned count_z = 1) : x(count_x), y(count_y), z(count_z) {}
};

inline uint3 threadIdx{};
inline uint3 blockIdx{};
inline uint3 blockDim{};
inline uint3 gridDim{};

// Barriers and exchanges.

inline void __syncthreads(char const* file = __builtin_FILE(), int line = __builtin_LINE()) {
  dfrot::test::emulated::wait_for_block(file, line);
}

inline void __syncwarp(unsigned mask = 0xffffffffu, char const* file = __builtin_FILE(), int line = __builtin_LINE()) {
  static_cast<void>(dfrot::test::emulated::exchange_in_warp(mask, 0, file, line));
}

namespace dfrot::test::emulated {

/// The value that another lane gives in the same exchange.
template <class T>
T value_of_lane(unsigned mask, T value, unsigned source, char const* file, int line) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  std::uint64_t const received = exchange_in_warp(mask, bits, file, line)[source];
  std::memcpy(&value, &received, sizeof value);
  return value;
}

/// The lanes of a mask for which a condition holds, as bits.
inline unsigned vote(unsigned mask, bool condition, char const* file, int line) {
  std::uint64_t const* const all = exchange_in_warp(mask, condition ? 1 : 0, file, line);
  unsigned result = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    result |= ((mask >> lane) & 1u) != 0u && all[lane] == 1 ? 1u << lane : 0u;
  }
  return result;
}

}  // namespace dfrot::test::emulated

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int /*width*/ = 32, char const* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  unsigned const source = dfrot::test::emulated::lane_of_this_thread() ^ static_cast<unsigned>(lane_mask);
  return dfrot::test::emulated::value_of_lane(mask, value, source % 32, file, line);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, char const* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  unsigned const part = static_cast<unsigned>(width);
  unsigned const own = dfrot::test::emulated::lane_of_this_thread();
  unsigned const source = own / part * part + static_cast<unsigned>(lane) % part;
  return dfrot::test::emulated::value_of_lane(mask, value, source, file, line);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32, char const* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  unsigned const part = static_cast<unsigned>(width);
  unsigned const own = dfrot::test::emulated::lane_of_this_thread();
  unsigned const source = own % part + distance < part ? own + distance : own;
  return dfrot::test::emulated::value_of_lane(mask, value, source, file, line);
}

inline unsigned __ballot_sync(unsigned mask, int condition, char const* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  return dfrot::test::emulated::vote(mask, condition != 0, file, line);
}

inline int __any_sync(unsigned mask, int condition, char const* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return dfrot::test::emulated::vote(mask, condition != 0, file, line) != 0u ? 1 : 0;
}

inline int __all_sync(unsigned mask, int condition, char const* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return dfrot::test::emulated::vote(mask, condition != 0, file, line) == mask ? 1 : 0;
}

// Only one thread runs at a time, so plain operations are atomic.
template <class T>
T atomicAdd(T* place, T value) {
  T const before = *place;
  *place = before + value;
  return before;
}

template <class T>
T atomicMin(T* place, T value) {
  T const before = *place;
  *place = value < before ? value : before;
  return before;
}

template <class T>
T atomicMax(T* place, T value) {
  T const before = *place;
  *place = before < value ? value : before;
  return before;
}

#include "cuda_runtime_host.h"
#include "warp_instructions.h"
