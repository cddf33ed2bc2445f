#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/config.hpp>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace dfrot {

/// The number of threads that a policy can run on here: the processors that the calling thread may use (its affinity), or 1
/// where the translation unit is compiled without OpenMP (-fopenmp). A policy that asks for more runs on so many.
/// Complexity: a system call with OpenMP.
[[nodiscard]] DFROT_PER_ISA inline int max_threads() {
#if defined(_OPENMP)
  return std::max(1, omp_get_num_procs());
#else
  return 1;
#endif
}

/// How many of `threads` threads run: at least 1, at most max_threads().
[[nodiscard]] DFROT_PER_ISA inline int usable_threads(int threads) {
  return threads <= 1 ? 1 : std::min(threads, max_threads());
}

/// Calls body(i) for i = 0 .. count - 1 on at most `threads` threads (OpenMP; one after the other where it is absent), on no
/// more than max_threads(), and on no more than there are calls.
/// Which thread gets which i is not fixed: give every i its own output, and combine outputs in the order of i.
/// @param threads at least 1   @param count number of calls   @param body must not throw
/// Determinism: as body's. Global OpenMP settings are neither read nor changed.
template <class Body>
void parallel_for(int threads, std::size_t count, Body const& body) {
#if defined(_OPENMP)
  int const team = count > 1 ? usable_threads(threads) : 1;
  if (team > 1) {
    int const needed = static_cast<int>(std::min(static_cast<std::size_t>(team), count));
#pragma omp parallel for schedule(dynamic) num_threads(needed)
    for (std::size_t i = 0; i < count; ++i) {
      body(i);
    }
    return;
  }
#endif
  static_cast<void>(threads);
  for (std::size_t i = 0; i < count; ++i) {
    body(i);
  }
}

}  // namespace dfrot
