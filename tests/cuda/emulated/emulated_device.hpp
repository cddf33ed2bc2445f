#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

/// A CUDA device played on the host, one thread at a time, so that kernels can be tested where there is none. It shows
/// that their results and their memory accesses are right. It shows neither speed, nor races between two barriers
/// beyond those that another order of the threads brings to light.
///
/// Blocks run one after another. The threads of a block are fibers: each runs until it has to wait for others at a
/// barrier or in an exchange of its warp. Shared and device memory starts as bytes of 0xFF, which as floats are NaN.
namespace dfrot::test::emulated {

/// The order in which blocks, and the threads of a block between two barriers, take turns. Results that depend on it
/// lack a barrier.
enum class thread_order { forward, backward, shuffled };

/// What the device looks like. Tests change it through `settings()` and put it back (see with_settings).
struct device_settings {
  thread_order order = thread_order::forward;
  std::uint64_t seed = 1;                            ///< of the shuffled order
  int device_count = 1;                              ///< 0: calls fail with cudaErrorNoDevice
  int compute_capability = 90;                       ///< major * 10 + minor
  std::size_t shared_bytes = 232448;                 ///< the most that a block may ask for: an H100's
  std::size_t memory_bytes = std::size_t{1} << 30u;  ///< allocations beyond fail with cudaErrorMemoryAllocation
};
[[nodiscard]] device_settings& settings();

/// Runs a test with other settings, then restores those of before.
template <class Test>
void with_settings(device_settings const& changed, Test const& test) {
  struct restore {
    device_settings before = settings();
    ~restore() { settings() = before; }
  } const restored;
  settings() = changed;
  test();
}

/// Allocations of device memory that were not freed yet.
[[nodiscard]] std::size_t live_allocations();

// What the stand-in for <cuda_runtime.h> is built on.

struct coordinates {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

/// Runs a kernel's body for every thread of every block. Throws: std::logic_error if some threads of a block wait for
/// others that do not come, or wait at different barriers; if a lane that an exchange names does not take part.
void run_grid(coordinates blocks, coordinates threads, std::size_t shared_bytes, std::function<void()> const& body);

/// Waits at a barrier of the block, known by its line in the source.
void wait_for_block(char const* file, int line);

/// Gives a value to the lanes of a mask and waits for theirs; returns all 32 (0xFF bytes for those outside the mask).
[[nodiscard]] std::uint64_t const* exchange_in_warp(std::uint32_t mask, std::uint64_t value, char const* file,
                                                    int line);

[[nodiscard]] unsigned lane_of_this_thread();

[[nodiscard]] void* allocate(std::size_t bytes);  ///< null where the memory is full
[[nodiscard]] bool release(void* memory);         ///< false if it is not a live allocation
/// True if the bytes lie in one live allocation.
[[nodiscard]] bool is_device_memory(void const* memory, std::size_t bytes);

}  // namespace dfrot::test::emulated
