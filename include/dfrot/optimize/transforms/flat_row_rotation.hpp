#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/linalg/orthogonal.hpp>

namespace dfrot {

/// Draws an orthogonal matrix whose first row is flat, uniformly over all of them: channel 0 is spread over all channels alike.
///   M = diag(1, Q) (I - 2 v v^T / v^T v),   v = e_0 - 1 / sqrt(n),   Q (n - 1 x n - 1) random orthogonal
/// The base of DuQuant's greedy rotation, with the random factor on the left. On the right, as in its authors' code, it turns the
/// first row away from what it is there for.
/// @param on where to run (host)   @param n order, at least 2   @param seed which matrix
/// @post M_0j = 1 / sqrt(n)   Complexity: that of random_orthogonal().   Determinism: as random_orthogonal().
/// Throws: std::invalid_argument for n < 2; std::bad_alloc.
/// Source: Lin et al. (DuQuant), arXiv 2406.01721, section 3 (a base with a uniform first row).
template <execution_policy P>
[[nodiscard]] matrix<double> flat_row_rotation(P const& on, std::size_t n, std::uint64_t seed) {
  expects(n >= 2, "a rotation with a flat row has at least 2 channels, not ", n);
  auto const q = random_orthogonal<double>(on, n - 1, seed);
  double const flat = 1 / std::sqrt(static_cast<double>(n));
  double const half_square = 1 - flat;  // v^T v / 2
  matrix<double> m(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    double along = 0;  // row i of diag(1, Q) times v
    for (std::size_t j = 0; j < n; ++j) {
      m(i, j) = i == 0 || j == 0 ? (i == j ? 1 : 0) : q(i - 1, j - 1);
      along += m(i, j) * (j == 0 ? 1 - flat : -flat);
    }
    for (std::size_t j = 0; j < n; ++j) {
      m(i, j) -= along / half_square * (j == 0 ? 1 - flat : -flat);
    }
  }
  return m;
}

}  // namespace dfrot
