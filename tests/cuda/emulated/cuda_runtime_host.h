#pragma once

// The part of the stand-in that programs call: errors, devices, streams, memory, launches. Included by cuda_runtime.h.

#include <cstdlib>
#include <type_traits>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorNoKernelImageForDevice = 209,
};

inline char const* cudaGetErrorName(cudaError_t status) {
  switch (status) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorNoKernelImageForDevice:
      return "cudaErrorNoKernelImageForDevice";
  }
  return "unrecognized error code";
}

inline char const* cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "out of memory" : "as the emulated device found";
}

// Devices and streams: work is done when the call returns, so that every order of streams is kept.

enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};

using cudaStream_t = struct CUstream_st*;

inline cudaError_t emulated_device_status() {
  return dfrot::test::emulated::settings().device_count == 0 ? cudaErrorNoDevice : cudaSuccess;
}

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return emulated_device_status();
}

inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int /*device*/) {
  auto const& device = dfrot::test::emulated::settings();
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 4;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = device.compute_capability / 10;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = device.compute_capability % 10;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(device.shared_bytes);
      break;
  }
  return emulated_device_status();
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t /*stream*/) { return emulated_device_status(); }

// Memory.

enum cudaMemcpyKind {
  cudaMemcpyHostToHost = 0,
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
};

inline cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t /*stream*/) {
  if (emulated_device_status() != cudaSuccess) {
    return emulated_device_status();
  }
  *memory = dfrot::test::emulated::allocate(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = *total = dfrot::test::emulated::settings().memory_bytes;
  return emulated_device_status();
}

inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t /*stream*/) {
  return dfrot::test::emulated::release(memory) ? cudaSuccess : cudaErrorInvalidValue;
}

/// Fails where a pointer is not in the memory that the direction names.
inline cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind,
                                   cudaStream_t /*stream*/) {
  bool const from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  bool const to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  if (dfrot::test::emulated::is_device_memory(from, bytes) != from_device ||
      dfrot::test::emulated::is_device_memory(to, bytes) != to_device) {
    return cudaErrorInvalidValue;
  }
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, void const* from, std::size_t from_pitch,
                                     std::size_t width, std::size_t rows, cudaMemcpyKind kind, cudaStream_t stream) {
  if (width > to_pitch || width > from_pitch) {
    return cudaErrorInvalidValue;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    cudaError_t const status = cudaMemcpyAsync(static_cast<char*>(to) + i * to_pitch,
                                               static_cast<char const*>(from) + i * from_pitch, width, kind, stream);
    if (status != cudaSuccess) {
      return status;
    }
  }
  return cudaSuccess;
}

inline cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t /*stream*/) {
  if (!dfrot::test::emulated::is_device_memory(memory, bytes)) {
    return cudaErrorInvalidValue;
  }
  std::memset(memory, value, bytes);
  return cudaSuccess;
}

// Pinned memory of the host, and events: all work is done when it is asked for.

inline cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  *memory = std::malloc(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : emulated_device_status();
}

inline cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

struct CUevent_st {};
using cudaEvent_t = CUevent_st*;
enum { cudaEventDisableTiming = 2 };

inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
  *event = new CUevent_st;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t /*event*/, cudaStream_t /*stream*/) { return emulated_device_status(); }
inline cudaError_t cudaEventSynchronize(cudaEvent_t /*event*/) { return emulated_device_status(); }

// Launches.

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };

namespace dfrot::test::emulated {

/// What the last cudaFuncSetAttribute allowed to a kernel.
template <class... Parameters>
std::size_t& allowed_shared_bytes(void (*kernel)(Parameters...)) {
  static void (*last)(Parameters...) = nullptr;
  static std::size_t bytes = 0;
  if (kernel != last) {
    last = kernel;
    bytes = std::size_t{48} * 1024;
  }
  return bytes;
}

}  // namespace dfrot::test::emulated

template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute /*which*/, int bytes) {
  if (static_cast<std::size_t>(bytes) > dfrot::test::emulated::settings().shared_bytes) {
    return cudaErrorInvalidValue;
  }
  dfrot::test::emulated::allowed_shared_bytes(kernel) = static_cast<std::size_t>(bytes);
  return emulated_device_status();
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(cudaLaunchConfig_t const* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  static_assert((sizeof(Parameters) + ... + 0) <= 4096, "a kernel takes at most 4096 bytes of arguments");
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "arguments reach a kernel as bytes");
  dim3 const grid = config->gridDim;
  dim3 const block = config->blockDim;
  std::size_t const threads = std::size_t{block.x} * block.y * block.z;
  if (emulated_device_status() != cudaSuccess) {
    return emulated_device_status();
  }
  if (grid.x == 0 || grid.x > 0x7fffffffu || grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535 ||
      threads == 0 || threads > 1024) {
    return cudaErrorInvalidConfiguration;
  }
  if (config->dynamicSmemBytes > dfrot::test::emulated::allowed_shared_bytes(kernel)) {
    return cudaErrorInvalidValue;
  }
  std::tuple<Parameters...> const parameters(std::forward<Arguments>(arguments)...);
  dfrot::test::emulated::run_grid({grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, config->dynamicSmemBytes,
                                  [&] { std::apply(kernel, parameters); });
  return cudaSuccess;
}
