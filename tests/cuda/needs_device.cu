// Part of every test program for real devices: where there is none that dfrot can use, the program says so in one line,
// and exits with 77, which ctest takes for "skipped".
#include <cstdio>
#include <cstdlib>
#include <dfrot/backend/cuda/device/device.cuh>
#include <stdexcept>

namespace {

struct need_device {
  need_device() {
    try {
      dfrot::cuda::require_device();
    } catch (std::runtime_error const& error) {
      std::printf("skipped, no device: %s\n", error.what());
      std::fflush(stdout);
      std::_Exit(77);
    }
  }
} const before_main;

}  // namespace
