#pragma once

#include <algorithm>
#include <cstddef>
#include <dfrot/backend/cuda/device_matrix.cuh>
#include <dfrot/backend/cuda/error.cuh>
#include <dfrot/backend/cuda/policy.cuh>
#include <string>
#include <vector>

namespace dfrot::benchmark {

/// A moment of a stream.
class event {
 public:
  event() { cuda::check_status(cudaEventCreate(&event_), "cudaEventCreate"); }
  event(event const&) = delete;
  event& operator=(event const&) = delete;
  ~event() { static_cast<void>(cudaEventDestroy(event_)); }
  void record(cuda::policy const& on) {
    cuda::check_status(cudaEventRecord(event_, on.stream), "cudaEventRecord", on.stream);
  }
  /// Microseconds from an earlier event to this one, for which it waits.
  [[nodiscard]] double since(event const& earlier) const {
    cuda::check_status(cudaEventSynchronize(event_), "cudaEventSynchronize");
    float milliseconds = 0;
    cuda::check_status(cudaEventElapsedTime(&milliseconds, earlier.event_, event_), "cudaEventElapsedTime");
    return 1000.0 * static_cast<double>(milliseconds);
  }

 private:
  cudaEvent_t event_{};
};

/// Microseconds that a piece of work takes on the device: the median of 9 runs of 20 calls each, after a run that warms up.
template <class Work>
[[nodiscard]] double microseconds(cuda::policy const& on, Work const& work) {
  constexpr int calls = 20;
  std::vector<double> runs;
  for (int run = 0; run < 10; ++run) {
    event first;
    event last;
    first.record(on);
    for (int call = 0; call < calls; ++call) {
      work();
    }
    last.record(on);
    double const time = last.since(first) / calls;
    if (run > 0) {
      runs.push_back(time);
    }
  }
  std::sort(runs.begin(), runs.end());
  return runs[runs.size() / 2];
}

/// Microseconds of a copy within the device that moves `bytes` in all, half of them read and half written.
[[nodiscard]] inline double copy_microseconds(cuda::policy const& on, std::size_t bytes) {
  std::size_t const half = std::max<std::size_t>(bytes / 2, 1);
  cuda::device_matrix<unsigned char> from(on, 1, half);
  cuda::device_matrix<unsigned char> to(on, 1, half);
  return microseconds(on, [&] {
    cuda::check_status(cudaMemcpyAsync(to.data(), from.data(), half, cudaMemcpyDeviceToDevice, on.stream),
                       "cudaMemcpyAsync", on.stream);
  });
}

/// A kernel beside the copy of as many bytes.
struct measurement {
  std::string problem;
  std::string type;
  std::size_t tokens;
  std::size_t channels;
  std::size_t bytes;  ///< read and written, each value once
  double time;        ///< microseconds
  double copy;        ///< microseconds
};

}  // namespace dfrot::benchmark
