#pragma once

#include <dfrot/config.hpp>

#include <cstddef>

#include <cuda_runtime.h>

namespace dfrot::cuda {

// Copies from device to shared memory that do not pass through registers (cp.async). They are awaited in batches, by
// the thread that started them; a barrier then shows them to the others.

/// Starts a copy of 16 bytes. @pre both aligned to 16 bytes
__device__ inline void start_copy_16(void* shared, void const* from) {
#if defined(__CUDACC__)
  unsigned const address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
#else
  emulated_start_copy_16(shared, from);
#endif
}

/// Makes a batch of the copies that this thread started since the last one; it may be empty.
__device__ inline void end_copy_batch() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulated_end_copy_batch();
#endif
}

/// Waits until at most Left of this thread's batches are under way: the youngest ones.
template <unsigned Left>
__device__ inline void wait_for_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(Left) : "memory");
#else
  emulated_wait_for_copies(Left);
#endif
}

}  // namespace dfrot::cuda
