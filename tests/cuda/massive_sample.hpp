#pragma once

// Tokens, flags and a start for the refinements under test.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/core/matrix.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <vector>

#include "support/gaussian_matrix.hpp"

namespace dfrot::test {

/// Gaussian rows; every 20th is massive: nearly all its energy is in channel 3.
template <class T>
[[nodiscard]] matrix<T> massive_sample(std::size_t rows, std::size_t channels) {
  auto x = gaussian_matrix<T>(rows, channels, 78);
  for (std::size_t i = 0; i < rows; i += 20) {
    for (std::size_t j = 0; j < channels; ++j) {
      x(i, j) *= static_cast<T>(0.05);
    }
    x(i, 3) = static_cast<T>(std::sqrt(static_cast<double>(channels)));
  }
  return x;
}

[[nodiscard]] inline massive_tokens every_20th(std::size_t rows) {
  return mark_massive(rows, "planted", 0, [](std::size_t i) { return i % 20 == 0; });
}

/// Every fourth token, massive ones among them.
[[nodiscard]] inline std::vector<std::uint8_t> every_fourth(std::size_t rows) {
  std::vector<std::uint8_t> flags(rows);
  for (std::size_t i = 0; i < rows; i += 4) {
    flags[i] = i % 40 < 20 ? 1 : 0;
  }
  return flags;
}

/// A randomized Hadamard matrix as a dense start.
template <class T>
[[nodiscard]] matrix<T> dense_start(std::size_t channels) {
  matrix<T> start(channels, channels);
  randomized_hadamard(channels, 3).to_dense(start.view());
  return start;
}

}  // namespace dfrot::test
