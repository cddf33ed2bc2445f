#pragma once

#include <cstddef>
#include <cstdint>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <type_traits>

namespace dfrot::test {

/// A matrix of N(0, 1) numbers for tests; the same seed gives the same numbers for every shape with that many values.
template <class T>
[[nodiscard]] matrix<T> gaussian_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  matrix<T> result(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    double const value = gaussian_block(seed, random_stream::user, i / 4).value[i % 4];
    result.data()[i] = static_cast<T>(static_cast<arithmetic_t<T>>(value));
  }
  return result;
}

}  // namespace dfrot::test
