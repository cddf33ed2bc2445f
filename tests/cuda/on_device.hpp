#pragma once

// What the tests of the cuda backend share. They are compiled twice: by the host's compiler, for the emulated device,
// and by nvcc, for a real one.

#include <cstddef>
#include <dfrot/backend/cuda/copy.cuh>
#include <dfrot/backend/cuda/device_matrix.cuh>
#include <dfrot/backend/cuda/policy.cuh>
#include <dfrot/core/matrix.hpp>

namespace dfrot::test {

/// A copy of a matrix in device memory.
template <class T>
[[nodiscard]] cuda::device_matrix<T> to_device(matrix<T> const& here) {
  cuda::policy const on{};
  cuda::device_matrix<T> there(on, here.rows(), here.columns());
  cuda::copy(on, here.view(), there.view());
  cuda::synchronize(on);
  return there;
}

/// A copy of a matrix in host memory, once all work on the default stream is done.
template <class T>
[[nodiscard]] matrix<T> to_host(cuda::device_matrix<T> const& there) {
  cuda::policy const on{};
  matrix<T> here(there.rows(), there.columns());
  cuda::copy(on, there.view(), here.view());
  cuda::synchronize(on);
  return here;
}

/// Runs a test with the emulated device's threads in several orders, so that a missing barrier shows; once on a real
/// one.
template <class Test>
void in_every_order(Test const& test) {
#if defined(__CUDACC__)
  test();
#else
  for (auto const order : {emulated::thread_order::forward, emulated::thread_order::backward}) {
    emulated::device_settings changed = emulated::settings();
    changed.order = order;
    emulated::with_settings(changed, test);
  }
#endif
}

}  // namespace dfrot::test
