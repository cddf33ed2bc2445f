#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::detail {

/// Checks that M M^T = I, by 20 products v (M M^T - I) with random signs v: an entry that is off by more than 1e-5 shows in each
/// of them with probability 1/2 or more. The signs are fixed, so that a matrix is always taken or never.
/// @param what the matrix in errors    Complexity: O(n^2).    Throws: std::invalid_argument.
/// Source: Freivalds, "Probabilistic machines can use less running time", 1977.
DFROT_PER_ISA inline void check_orthogonal(char const* what, matrix_view<double const> m) {
  expects(m.rows == m.columns, what, " is a square matrix, not ", m.rows, " x ", m.columns);
  std::size_t const n = m.rows;
  std::vector<double> sign(n);
  std::vector<double> product(n);
  for (std::uint64_t probe = 0; probe < 20; ++probe) {
    product.assign(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      sign[i] = random_sign(probe, random_stream::orthogonal, i);
      for (std::size_t j = 0; j < n; ++j) {
        product[j] += sign[i] * m(i, j);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      double off = -sign[i];
      for (std::size_t j = 0; j < n; ++j) {
        off += product[j] * m(i, j);
      }
      expects(std::fabs(off) <= 1e-5, what, " is not orthogonal: row ", i, " of M M^T is off by ", std::fabs(off));
    }
  }
}

}  // namespace dfrot::detail
