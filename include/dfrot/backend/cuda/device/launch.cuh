#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

/// What a kernel is launched with; file and line are those of the launch, for errors.
struct launch_shape {
  char const* kernel;        ///< its name, for errors
  dim3 blocks;               ///< at least 1 each
  unsigned threads;          ///< a block, 1 … 1024
  std::size_t shared_bytes;  ///< a block; see shared_memory()
  char const* file;
  int line;

  DFROT_PER_ISA launch_shape(char const* name, dim3 block_count, unsigned thread_count, std::size_t shared = 0,
                             char const* in_file = __builtin_FILE(), int at_line = __builtin_LINE())
      : kernel(name), blocks(block_count), threads(thread_count), shared_bytes(shared), file(in_file), line(at_line) {}
};

/// Launches a kernel in the order of the policy's stream, and does not wait for it. The only place that launches: no
/// source contains <<< >>>. Blocks may use all of the device's shared memory (the 48 KiB of older devices are raised
/// here).
/// @param kernel a __global__ function   @param arguments at most 4096 bytes, converted to the kernel's parameters
/// Throws: std::runtime_error as check_status(), with the kernel's name, if the launch is refused.
template <class... Parameters, class... Arguments>
void launch(policy const& on, launch_shape const& shape, void (*kernel)(Parameters...), Arguments&&... arguments) {
  constexpr std::size_t without_asking = std::size_t{48} * 1024;
  if (shape.shared_bytes > without_asking) {
    check_status(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shape.shared_bytes)),
        shape.kernel, on.stream, shape.file, shape.line);
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.blocks;
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = on.stream;
  check_status(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), shape.kernel, on.stream,
               shape.file, shape.line);
}

/// The block's shared memory, launch_shape::shared_bytes of it, aligned to 16 bytes. Contents are undefined at first.
template <class T>
[[nodiscard]] __device__ inline T* shared_memory() {
  extern __shared__ __align__(16) unsigned char block_bytes[];
  return reinterpret_cast<T*>(block_bytes);
}

}  // namespace dfrot::cuda
