#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Widens the range of each column by the values of some rows:
///   minimum_j <- min(minimum_j, x_ij),   maximum_j <- max(maximum_j, x_ij)   for all rows i
/// @param threads of the host   @param x (m x n), finite   @param minimum, maximum (n) of Real, which holds every T
/// @pre shapes fit; doors check them   Complexity: O(m n), no workspace.   Determinism: exact, for any number of threads.
template <storage T, class Real>
DFROT_PER_ISA void widen_column_ranges(int threads, matrix_view<T const> x, vector_view<Real> minimum,
                                       vector_view<Real> maximum) {
  constexpr std::size_t block = 256;
  parallel_for(threads, ceil_div(x.columns, block), [&](std::size_t b) {
    std::size_t const last = std::min(x.columns, (b + 1) * block);
    for (std::size_t i = 0; i < x.rows; ++i) {
      for (std::size_t j = b * block; j < last; ++j) {
        Real const value = static_cast<Real>(load(x(i, j)));
        minimum[j] = value < minimum[j] ? value : minimum[j];
        maximum[j] = value > maximum[j] ? value : maximum[j];
      }
    }
  });
}

}  // namespace dfrot
