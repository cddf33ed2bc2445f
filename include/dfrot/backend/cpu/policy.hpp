#pragma once

#include <dfrot/core/view.hpp>

/// The kernels for the host: written so that the compiler vectorizes them, rows spread over threads.
namespace dfrot::cpu {

/// Runs an operation on the host with up to `threads` threads. Results do not depend on their number.
struct policy {
  using memory_space = host_space;
  int threads = 1;
};

}  // namespace dfrot::cpu
