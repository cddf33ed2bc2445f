#include <dfrot/backend/cuda/device/device.cuh>
#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <utility>

#include "problems.hpp"

namespace dfrot::bench {

namespace {

/// A moment of the default stream.
class event {
 public:
  event() { cuda::check_status(cudaEventCreateWithFlags(&event_, cudaEventDefault), "cudaEventCreateWithFlags"); }
  event(event const&) = delete;
  event& operator=(event const&) = delete;
  ~event() { static_cast<void>(cudaEventDestroy(event_)); }
  void record() { cuda::check_status(cudaEventRecord(event_, cuda::policy{}.stream), "cudaEventRecord"); }
  /// Seconds from an earlier event to this one, for which it waits.
  [[nodiscard]] double since(event const& earlier) const {
    cuda::check_status(cudaEventSynchronize(event_), "cudaEventSynchronize");
    float milliseconds_between = 0;
    cuda::check_status(cudaEventElapsedTime(&milliseconds_between, earlier.event_, event_), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds_between);
  }

 private:
  cudaEvent_t event_{};
};

std::string version_text(int version, int major, int minor) {
  return std::to_string(version / major) + "." + std::to_string(version % major / minor);
}

}  // namespace

machine this_device(std::string commit) {
  cuda::require_device();
  int device = 0;
  cuda::check_status(cudaGetDevice(&device), "cudaGetDevice");
  cudaDeviceProp properties;
  cuda::check_status(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  int driver = 0;
  cuda::check_status(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  int const capability = cuda::compute_capability();
  return {{{"device", properties.name},
           {"multiprocessors", std::to_string(properties.multiProcessorCount) + " multiprocessors"},
           {"compute_capability", "compute capability " + version_text(capability, 10, 1)},
           {"toolkit", "CUDA " + version_text(CUDART_VERSION, 1000, 10)},
           {"driver", "driver for CUDA " + version_text(driver, 1000, 10)}},
          std::move(commit)};
}

double time_on_device(contender const& one, std::size_t calls) {
  event first;
  event last;
  first.record();
  for (std::size_t call = 0; call < calls; ++call) {
    one.run();
  }
  last.record();
  return last.since(first) / static_cast<double>(calls);
}

}  // namespace dfrot::bench
