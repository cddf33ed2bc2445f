#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/random.hpp>

// What Lanczos' method begins and ends with, wherever its products run. Internal to linalg.
namespace dfrot::detail {

// random_orthogonal() uses the lanes from 0 on.
inline constexpr std::uint32_t start_lane = 0xFFFFFFFFu;

/// Value i of the random vector that it starts from, before that is scaled to length 1.
[[nodiscard]] inline double start_value(std::size_t i) {
  return gaussian_block(0, random_stream::orthogonal, i / 4, start_lane).value[i % 4];
}

/// The largest eigenvalue of a symmetric tridiagonal matrix, to 1e-6 of its size, by bisection: a shift is above all
/// eigenvalues if the pivots of shift I - T are all positive.
[[nodiscard]] inline double largest_of_tridiagonal(std::vector<double> const& diagonal,
                                                   std::vector<double> const& beside) {
  double high = 0;
  for (std::size_t i = 0; i < diagonal.size(); ++i) {
    double const row = std::abs(diagonal[i]) + (i > 0 ? beside[i - 1] : 0) + beside[i];
    high = std::max(high, row);
  }
  double low = -high;
  while (high - low > 1e-6 * std::max(std::abs(high), std::abs(low))) {
    double const shift = 0.5 * (low + high);
    double pivot = shift - diagonal[0];
    for (std::size_t i = 1; i < diagonal.size() && pivot > 0; ++i) {
      pivot = shift - diagonal[i] - beside[i - 1] * beside[i - 1] / pivot;
    }
    (pivot > 0 ? high : low) = shift;
  }
  return high;
}

}  // namespace dfrot::detail
