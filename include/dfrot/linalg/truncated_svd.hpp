#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/orthogonal_rows.hpp>
#include <dfrot/linalg/detail/tridiagonal.hpp>

namespace dfrot {

/// How the largest singular values are looked for.
struct truncated_svd_options {
  std::size_t extra = 8;  ///< vectors beside those that are wanted: what is right behind them turns them less
  int steps = 4;  ///< products with A and A^T. Each divides the angle to the true space by (s_r / s_(r+extra+1))^2
  std::uint64_t seed = 0;  ///< of the first vectors
};

/// The largest singular values of a matrix, in falling order, and their vectors as rows.
struct truncated_svd_result {
  std::vector<double> values;  ///< s_1 >= … >= s_r
  matrix<double> left;         ///< U^T (r x m)
  matrix<double> right;        ///< V^T (r x n)
  matrix<double> start;        ///< (r + extra) x n: where another search, in a matrix near this one, begins
};

/// Finds the largest singular values of a matrix by randomized subspace iteration:
///   A is about U diag(s) V^T,   ||A - U diag(s) V^T||_F least for rank r, where the values have converged
/// @param on where to run (host)   @param a (m x n) finite   @param rank r, at most min(m, n)
/// @param start of a result before, for a matrix that differs little; of no rows: random vectors
/// @post rows of U^T and V^T are orthonormal, but for values of 0, whose rows may be 0
/// A matrix of rank r or less is found to rounding in two steps.
/// Complexity: 4 steps (r + extra) m n operations, as products, and (r + extra)^2 (m + n) for each step.
/// Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, options and a value that is not finite; std::bad_alloc.
/// Source: Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 53, 2011, algorithms 4.4 and 5.1.
template <execution_policy P>
[[nodiscard]] truncated_svd_result truncated_svd(P const& on, matrix_view<double const> a, std::size_t rank,
                                                 truncated_svd_options const& options = {}, matrix<double> start = {}) {
  check_policy<host_space>(on);
  check_stride("the matrix", a);
  expects(rank <= std::min(a.rows, a.columns), "truncated_svd: ", rank, " singular values of a matrix of ", a.rows,
          " x ", a.columns);
  expects(options.steps >= 1, "truncated_svd: ", options.steps, " steps; there must be at least 1");
  reject_non_finite(a, first_non_finite_row(a));
  std::size_t const count = std::min(rank + options.extra, std::min(a.rows, a.columns));
  truncated_svd_result result;
  if (rank == 0) {
    result.left = matrix<double>(0, a.rows);
    result.right = matrix<double>(0, a.columns);
    return result;
  }
  if (start.rows() == 0) {
    start = matrix<double>(count, a.columns);
    for (std::size_t k = 0; k < count * a.columns; ++k) {
      start.data()[k] =
          gaussian_block(options.seed, random_stream::orthogonal, k / 4, detail::start_lane - 3).value[k % 4];
    }
  }
  expects(start.rows() == count && start.columns() == a.columns, "truncated_svd: a start of ", start.rows(), " x ",
          start.columns(), ", expected ", count, " x ", a.columns);
  detail::singular_triples found;
  for (int step = 0; step < options.steps; ++step) {
    detail::make_rows_orthonormal(start);
    matrix<double> left(count, a.rows);
    dense_product(on, 1.0, as_is(start.view()), transposed(a), 0.0, left.view());
    found = detail::singular_triples_of(std::move(left), std::move(start));
    start = matrix<double>(count, a.columns);
    dense_product(on, 1.0, as_is(found.left.view()), as_is(a), 0.0, start.view());
  }
  auto const first_rows = [&](matrix<double> const& from) {
    matrix<double> rows(rank, from.columns());
    std::copy_n(from.data(), rank * from.columns(), rows.data());
    return rows;
  };
  found.values.resize(rank);
  result.values = std::move(found.values);
  result.left = first_rows(found.left);
  result.right = first_rows(found.right);
  result.start = std::move(start);
  return result;
}

}  // namespace dfrot
