#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dfrot::test {

/// Counts the pairs of rows i <= j of an n x n matrix of signs whose product is not n on the diagonal and 0 elsewhere:
/// 0 exactly if H H^T = n I. Integers throughout; rows are packed to bits so that a product is a count of differing bits.
template <class Sign>
[[nodiscard]] std::size_t count_wrong_row_products(std::size_t n, Sign const& sign) {
  std::size_t const words = (n + 63) / 64;
  std::vector<std::uint64_t> bits(n * words, 0);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      int const value = sign(i, j);
      wrong += value != 1 && value != -1;
      bits[i * words + j / 64] |= std::uint64_t{value < 0} << (j % 64);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      std::size_t differing = 0;
      for (std::size_t w = 0; w < words; ++w) {
        differing += static_cast<std::size_t>(std::popcount(bits[i * words + w] ^ bits[j * words + w]));
      }
      wrong += 2 * differing != n;
    }
  }
  return wrong;
}

}  // namespace dfrot::test
