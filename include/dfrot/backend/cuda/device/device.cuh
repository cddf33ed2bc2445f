#pragma once

#include <cstddef>

#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

/// The oldest compute capability that the kernels are written for, as major * 10 + minor.
inline constexpr int oldest_compute_capability = 80;

/// An attribute of the current device. Throws: std::runtime_error as check_status(), among others where there is no
/// device.
[[nodiscard]] DFROT_PER_ISA inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0;
  check_status(cudaGetDevice(&device), "cudaGetDevice");
  int value = 0;
  check_status(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
  return value;
}

/// The compute capability of the current device: 80 for an A100, 90 for an H100.
[[nodiscard]] DFROT_PER_ISA inline int compute_capability() {
  return 10 * device_attribute(cudaDevAttrComputeCapabilityMajor) + device_attribute(cudaDevAttrComputeCapabilityMinor);
}

/// Bytes of shared memory that one block may ask for: 99 KiB at least from compute capability 8.0 on, 227 KiB for 9.0.
[[nodiscard]] DFROT_PER_ISA inline std::size_t largest_shared_memory() {
  return static_cast<std::size_t>(device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
}

/// Checks that the current device can run this library: once, before the first operation, gives the clearest message.
/// Throws: std::runtime_error if there is no device, or one older than compute capability 8.0.
DFROT_PER_ISA inline void require_device() {
  int const found = compute_capability();
  if (found < oldest_compute_capability) {
    fail(message("the CUDA device has compute capability ", found / 10, ".", found % 10, ", dfrot needs ",
                 oldest_compute_capability / 10, ".", oldest_compute_capability % 10, " or newer"));
  }
}

}  // namespace dfrot::cuda
