#pragma once

#include <cstddef>

#include <dfrot/config.hpp>

namespace dfrot {

/// Calls body(i) for i = 0 .. count - 1 on at most `threads` threads (OpenMP; one after the other where it is absent).
/// Which thread gets which i is not fixed: give every i its own output, and combine outputs in the order of i.
/// @param threads at least 1   @param count number of calls   @param body must not throw
/// Determinism: as body's. Global OpenMP settings are neither read nor changed.
template <class Body>
void parallel_for(int threads, std::size_t count, Body const& body) {
#if defined(_OPENMP)
  if (threads > 1 && count > 1) {
#pragma omp parallel for schedule(dynamic) num_threads(threads)
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
