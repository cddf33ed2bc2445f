#include "support/work_estimate.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/products.hpp>

namespace dfrot::program {

double operations_a_second(int threads, std::size_t rows, std::size_t n) {
  matrix<float> const x(rows, n);
  matrix<float> const rotation(n, n);
  matrix<float> y(rows, n);
  double least = std::numeric_limits<double>::infinity();
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto const began = std::chrono::steady_clock::now();
    multiply(cpu::policy{threads}, x.view(), rotation.view(), y.view());
    std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - began;
    least = std::min(least, elapsed.count());
  }
  return 2.0 * static_cast<double>(rows) * static_cast<double>(n) * static_cast<double>(n) / std::max(least, 1e-9);
}

std::string time_text(double seconds) {
  char text[48];
  if (seconds < 120) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  }
  return text;
}

std::string memory_text(double bytes) {
  char text[48];
  if (bytes < 1e9) {
    std::snprintf(text, sizeof text, "%.0f MB", bytes / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
  }
  return text;
}

}  // namespace dfrot::program
