#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>

namespace dfrot::cuda {

/// Reports that the device, not the caller's arguments, is at fault: throws std::runtime_error, or, where exceptions
/// are switched off, prints the text to standard error and aborts.
[[noreturn]] DFROT_PER_ISA inline void fail(std::string const& text) {
#if defined(__cpp_exceptions)
  throw std::runtime_error(text);
#else
  std::fprintf(stderr, "dfrot: %s\n", text.c_str());
  std::abort();
#endif
}

namespace detail {

/// What a user can do about a status, as the end of a sentence; empty where its name says all.
[[nodiscard]] DFROT_PER_ISA inline char const* advice(cudaError_t status) {
  switch (status) {
    case cudaErrorNoDevice:
      return ": no CUDA device was found, run with another policy";
    case cudaErrorInsufficientDriver:
      return ": the driver is older than the CUDA runtime of this program, or missing";
    case cudaErrorNoKernelImageForDevice:
      return ": this program was not compiled for this device (-gencode; 8.0 is the oldest that dfrot supports)";
    case cudaErrorMemoryAllocation:
      return ": the device's memory is full, work on fewer rows at a time";
    default:
      return "";
  }
}

}  // namespace detail

/// Checks the status of a CUDA call; does nothing for cudaSuccess. Every call of the backend goes through here. A
/// status may stem from work that was launched earlier on the same stream.
/// @param call the function's name   @param stream where it ran   @param file, line of the caller, filled in
/// Throws: std::runtime_error "cudaMallocAsync: cudaErrorMemoryAllocation (out of memory: …) at file:line, stream 0x…"
DFROT_PER_ISA inline void check_status(cudaError_t status, char const* call, cudaStream_t stream = {},
                                       char const* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (status != cudaSuccess) [[unlikely]] {
    char address[32];
    std::snprintf(address, sizeof address, "0x%llx",
                  static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(stream)));
    fail(message(call, ": ", cudaGetErrorName(status), " (", cudaGetErrorString(status), detail::advice(status),
                 ") at ", file, ":", line, ", stream ", address));
  }
}

/// Waits until all work of the policy's stream is done, and reports what went wrong in it.
/// Throws: std::runtime_error as check_status().
DFROT_PER_ISA inline void synchronize(policy const& on, char const* file = __builtin_FILE(),
                                      int line = __builtin_LINE()) {
  check_status(cudaStreamSynchronize(on.stream), "cudaStreamSynchronize", on.stream, file, line);
}

}  // namespace dfrot::cuda
