#pragma once

#include <cuda_runtime.h>

#include <dfrot/core/view.hpp>

/// The kernels for NVIDIA devices of compute capability 8.0 and above.
///
/// Everything happens in the order of the policy's stream: a hook launches kernels and returns. It allocates nothing
/// and does not wait for the device, so results may be read after synchronize(), and operands must stay until then.
namespace dfrot::cuda {

/// Runs an operation on the current device, in the order of a stream (by default the legacy default stream).
/// Views handed to it are those of device memory. Integer results are those of every other backend, to the bit; floats
/// may differ by rounding, and are the same in every run.
struct policy {
  using memory_space = device_space;
  cudaStream_t stream{};
};

}  // namespace dfrot::cuda
