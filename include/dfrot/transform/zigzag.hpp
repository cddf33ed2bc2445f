#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/permutation.hpp>

namespace dfrot {

/// Deals channels out to blocks so that all blocks get large and small ones alike: in descending order of magnitude to blocks
/// 0, 1, …, B - 1, then B - 1, …, 1, 0, and so on, B = n / block; inside a block they descend, too.
///   |mean_b - mean_c| <= (largest - smallest) / block   for the magnitudes' means in any two blocks
/// Between two block rotations, it spreads over a row what the first one spreads over a block.
/// @param magnitudes n numbers, such as the largest |x| of each channel    @param block channels of a block
/// Complexity: O(n log n).    Determinism: exact; of equal channels the first comes first.
/// Throws: std::invalid_argument unless block divides n and all magnitudes are finite; std::bad_alloc.
/// Source: Lin et al. (DuQuant), arXiv 2406.01721, section 3 (zigzag permutation).
template <storage T>
[[nodiscard]] DFROT_PER_ISA permutation zigzag(vector_view<T> magnitudes, std::size_t block) {
  std::size_t const n = magnitudes.size;
  expects(block != 0 && n % block == 0, "zigzag: blocks of ", block, " channels in ", n,
          ": a row must be a whole number of blocks");
  std::vector<std::uint32_t> by_rank(n);
  std::iota(by_rank.begin(), by_rank.end(), std::uint32_t{0});
  for (std::size_t j = 0; j < n; ++j) {
    expects(is_finite(magnitudes[j]), "zigzag: the magnitude of channel ", j, " is ", load(magnitudes[j]),
            "; it must be finite");
  }
  std::stable_sort(by_rank.begin(), by_rank.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return load(magnitudes[a]) > load(magnitudes[b]); });
  std::size_t const blocks = n / block;
  std::vector<std::uint32_t> source(n);
  for (std::size_t rank = 0; rank < n; ++rank) {
    std::size_t const turn = rank / blocks;
    std::size_t const place = rank % blocks;
    source[(turn % 2 == 0 ? place : blocks - 1 - place) * block + turn] = by_rank[rank];
  }
  return permutation(std::move(source));
}

}  // namespace dfrot
