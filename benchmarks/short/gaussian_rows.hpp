#pragma once

#include <cstddef>
#include <cstdint>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/random.hpp>

namespace dfrot::bench {

/// N(0, 1) numbers. Determinism: a function of the shape and the seed.
[[nodiscard]] inline matrix<double> gaussian_rows(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  matrix<double> result(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    result.data()[i] = gaussian_block(seed, random_stream::user, i / 4).value[i % 4];
  }
  return result;
}

}  // namespace dfrot::bench
