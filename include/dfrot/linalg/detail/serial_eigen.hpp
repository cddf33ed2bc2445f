#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>

#include <dfrot/core/parallel.hpp>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <dfrot/config.hpp>

namespace dfrot::detail {

// Why this header exists. Eigen built with OpenMP spreads every large matrix product over omp_get_max_threads() threads
// and chooses its blocks, and with them the order of its sums, by that number: the same call gives other bits on
// another machine. Eigen::setNbThreads and EIGEN_DONT_PARALLELIZE would change that for the whole program of the user.
// But Eigen computes serially where omp_get_num_threads() > 1, that is inside a parallel region of at least two
// threads: the check is made at run time in internal::parallelize_gemm (Eigen/src/Core/products/Parallelizer.h), the
// only place where the dense part of Eigen starts threads, and so it holds for products nested in decompositions
// (BDCSVD, HouseholderQR) too.
//
// A region may get one thread only (nested too deeply, OMP_THREAD_LIMIT=1, OMP_DYNAMIC). For that case the region also
// sets the number of threads that Eigen asks for to 1. OpenMP keeps that number per task and drops it when the region
// ends (OpenMP 5.0, 2.5.3: nthreads-var has data environment scope), so the caller's settings stay as they are.

/// Keeps the first exception that leaves a call made inside a parallel region, to throw it again outside.
class carried_exception {
 public:
  template <class Body>
  void run(Body const& body) noexcept {
#if defined(__cpp_exceptions)
    try {
      body();
    } catch (...) {
      if (!taken_.exchange(true)) {
        first_ = std::current_exception();
      }
    }
#else
    body();
#endif
  }

  /// Once all threads have joined.
  void rethrow() const {
#if defined(__cpp_exceptions)
    if (first_) {
      std::rethrow_exception(first_);
    }
#endif
  }

 private:
  std::atomic<bool> taken_ = false;
  std::exception_ptr first_;
};

/// Calls body(i) for i = 0 .. count - 1 on at most `threads` threads, with Eigen serial inside each call.
/// No more threads take tiles than max_threads(). The region has at least two, since Eigen is serial only there.
/// Inside a parallel region of several threads, where Eigen is serial anyway, this is a plain loop.
/// @param threads at least 1   @param count number of tiles   @param body may throw; one exception leaves this function
/// Determinism: as body's, if tiles do not depend on `threads` and each has its own output.
template <class Body>
void eigen_tiles(int threads, std::size_t count, Body const& body) {
  if (count == 0) {
    return;
  }
#if defined(_OPENMP)
  if (omp_get_num_threads() > 1) {
    for (std::size_t i = 0; i < count; ++i) {
      body(i);
    }
    return;
  }
  carried_exception failure;
  std::atomic<std::size_t> next = 0;
  int const team = static_cast<int>(std::min(static_cast<std::size_t>(usable_threads(threads)), count));
  int const region_size = std::max(team, 2);
#pragma omp parallel num_threads(region_size)
  {
    omp_set_num_threads(1);  // for this region's task alone, see above
    if (omp_get_thread_num() < team) {
      failure.run([&] {
        for (std::size_t i = next++; i < count; i = next++) {
          body(i);
        }
      });
    }
  }
  failure.rethrow();
#else
  static_cast<void>(threads);
  for (std::size_t i = 0; i < count; ++i) {
    body(i);
  }
#endif
}

/// Calls body() with Eigen serial inside, so that its result does not depend on the number of threads of the machine.
/// @param body may throw
template <class Body>
void run_serial_eigen(Body const& body) {
  eigen_tiles(1, 1, [&](std::size_t) { body(); });
}

}  // namespace dfrot::detail
