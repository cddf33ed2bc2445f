#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/view.hpp>

namespace dfrot::cuda {

/// Memory of the host that a device copies from while the host goes on: pinned, with the event after which it may be
/// written again. Two of them in turns let the host read a block while the device works on the one before.
/// Moves, and does not copy.   Errors: std::runtime_error as check_status().
template <class T>
class staging {
 public:
  static_assert(std::is_trivially_copyable_v<T>);

  staging(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {
    void* memory = nullptr;
    check_status(cudaMallocHost(&memory, rows * columns * sizeof(T)), "cudaMallocHost");
    memory_.reset(static_cast<T*>(memory));
    cudaEvent_t event = nullptr;
    check_status(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    copied_.reset(event);
  }

  /// Waits until the copies before the last release() are done, then gives the memory.
  [[nodiscard]] matrix_view<T> acquire() const {
    check_status(cudaEventSynchronize(copied_.get()), "cudaEventSynchronize");
    return {memory_.get(), rows_, columns_};
  }

  /// After the last copy from the memory was asked for.
  void release(policy const& on) const {
    check_status(cudaEventRecord(copied_.get(), on.stream), "cudaEventRecord", on.stream);
  }

 private:
  struct destroy {
    void operator()(T* memory) const { static_cast<void>(cudaFreeHost(memory)); }
    void operator()(cudaEvent_t event) const { static_cast<void>(cudaEventDestroy(event)); }
  };

  std::size_t rows_;
  std::size_t columns_;
  std::unique_ptr<T, destroy> memory_;
  std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, destroy> copied_;
};

}  // namespace dfrot::cuda
