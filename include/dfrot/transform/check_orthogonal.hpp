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

/// The first row of A B^T - I that is found to be off by more than 1e-5, or by = 0. By 20 products v (A B^T - I) with random signs v: an
/// entry that is off by more shows in each of them with probability 1/2 or more. The signs are fixed, so that matrices are always taken
/// or never.
/// @param a, b square, of one order    Complexity: O(n^2).
/// Source: Freivalds, "Probabilistic machines can use less running time", 1977.
struct row_off {
  std::size_t row = 0;
  double by = 0;
};
[[nodiscard]] DFROT_PER_ISA inline row_off row_off_identity(matrix_view<double const> a, matrix_view<double const> b) {
  std::size_t const n = a.rows;
  std::vector<double> sign(n);
  std::vector<double> product(n);
  for (std::uint64_t probe = 0; probe < 20; ++probe) {
    product.assign(n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      sign[i] = random_sign(probe, random_stream::orthogonal, i);
      for (std::size_t j = 0; j < n; ++j) {
        product[j] += sign[i] * a(i, j);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      double off = -sign[i];
      for (std::size_t j = 0; j < n; ++j) {
        off += product[j] * b(i, j);
      }
      if (!(std::fabs(off) <= 1e-5)) {
        return {i, std::fabs(off)};
      }
    }
  }
  return {};
}

/// Checks that M M^T = I, to 1e-5 (see above).   @param what the matrix in errors    Throws: std::invalid_argument.
DFROT_PER_ISA inline void check_orthogonal(char const* what, matrix_view<double const> m) {
  expects(m.rows == m.columns, what, " is a square matrix, not ", m.rows, " x ", m.columns);
  row_off const found = row_off_identity(m, m);
  expects(found.by == 0, what, " is not orthogonal: row ", found.row, " of M M^T is off by ", found.by);
}

/// Checks that M N^T = I, to 1e-5: N is the inverse transpose of M.
DFROT_PER_ISA inline void check_inverse_transpose(char const* what, matrix_view<double const> m,
                                                  matrix_view<double const> n) {
  row_off const found = row_off_identity(m, n);
  expects(found.by == 0, what, ": row ", found.row, " of their product is off by ", found.by);
}

}  // namespace dfrot::detail
