#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/tridiagonal.hpp>

namespace dfrot {

namespace detail {

/// The largest singular values of C, with their vectors, as subspace iteration knows them so far. Vectors are rows.
struct leading_values {
  std::vector<double> value;  ///< in falling order
  matrix<double> left;        ///< u_i, with C v_i = value_i u_i to rounding
  matrix<double> right;       ///< v_i, orthonormal
  matrix<double> image;       ///< u_i C, which is value_i v_i where the iteration has converged

  /// ||u_i C - value_i v_i||
  [[nodiscard]] double residual(std::size_t i) const {
    auto const row = static_cast<Eigen::Index>(i);
    return (as_eigen(image.view()).row(row) - value[i] * as_eigen(right.view()).row(row)).norm();
  }
};

/// Turns the rows of b until they are orthogonal, and those of v along: one-sided Jacobi rotations, which find small
/// singular values beside large ones with all their digits.
/// Source: Hestenes, "Inversion of matrices by biorthogonalization and related results", J. SIAM 6, 1958.
inline void make_rows_orthogonal(matrix<double>& b, matrix<double>& v) {
  auto const rotate = [](matrix<double>& m, Eigen::Index p, Eigen::Index q, double c, double s) {
    auto rows = as_eigen(m.view());
    Eigen::RowVectorXd const before = rows.row(p);
    rows.row(p) = c * before - s * rows.row(q);
    rows.row(q) = s * before + c * rows.row(q);
  };
  auto const rows = as_eigen(b.view());
  for (int sweep = 0; sweep < 12; ++sweep) {
    double largest_cosine = 0;
    for (Eigen::Index p = 0; p + 1 < rows.rows(); ++p) {
      for (Eigen::Index q = p + 1; q < rows.rows(); ++q) {
        double const pp = rows.row(p).squaredNorm();
        double const qq = rows.row(q).squaredNorm();
        double const pq = rows.row(p).dot(rows.row(q));
        double const cosine = std::fabs(pq) / std::sqrt(pp * qq);
        if (cosine > 1e-15) {  // false for rows of zeros
          largest_cosine = std::max(largest_cosine, cosine);
          double const zeta = (qq - pp) / (2 * pq);
          double const t = std::copysign(1 / (std::fabs(zeta) + std::hypot(1.0, zeta)), zeta);
          double const c = 1 / std::hypot(1.0, t);
          rotate(b, p, q, c, c * t);
          rotate(v, p, q, c, c * t);
        }
      }
    }
    if (largest_cosine < 1e-14) {
      return;
    }
  }
}

/// Rows of length 1, orthogonal to each other; each keeps the direction in which it leaves the rows before it.
inline void orthonormalize_rows(matrix<double>& v) {
  auto rows = as_eigen(v.view());
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    for (int pass = 0; pass < 2; ++pass) {  // the second pass removes what rounding left in the first
      for (Eigen::Index k = 0; k < i; ++k) {
        rows.row(i) -= rows.row(i).dot(rows.row(k)) * rows.row(k);
      }
      rows.row(i) /= std::max(rows.row(i).norm(), std::numeric_limits<double>::min());
    }
  }
}

/// One step of subspace iteration, from leading.image to all members.
template <execution_policy P>
void improve_leading(P const& on, matrix_view<double const> c, leading_values& leading) {
  std::size_t const count = leading.image.rows();
  matrix<double> right = std::move(leading.image);
  orthonormalize_rows(right);
  matrix<double> left(count, c.rows);
  dense_product(on, 1.0, as_is(std::as_const(right).view()), transposed(c), 0.0, left.view());
  make_rows_orthogonal(left, right);
  Eigen::VectorXd const length = as_eigen(left.view()).rowwise().norm();
  std::vector<Eigen::Index> order(count);
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  std::sort(order.begin(), order.end(), [&](Eigen::Index a, Eigen::Index b) { return length(a) > length(b); });
  leading = {{}, matrix<double>(count, c.rows), matrix<double>(count, c.columns), matrix<double>(count, c.columns)};
  for (std::size_t i = 0; i < count; ++i) {
    auto const to = static_cast<Eigen::Index>(i);
    leading.value.push_back(length(order[i]));
    as_eigen(leading.left.view()).row(to) =
        as_eigen(left.view()).row(order[i]) / std::max(length(order[i]), std::numeric_limits<double>::min());
    as_eigen(leading.right.view()).row(to) = as_eigen(right.view()).row(order[i]);
  }
  dense_product(on, 1.0, as_is(std::as_const(leading.left).view()), as_is(c), 0.0, leading.image.view());
}

/// How many values stand out, and the root mean square of all others.
struct outstanding_count {
  std::size_t count = 0;
  double rest = 0;
};

/// @param squares the sum of the squares of all n singular values
[[nodiscard]] inline outstanding_count count_outstanding(std::vector<double> const& values, double squares,
                                                         std::size_t n) {
  constexpr double factor = 8;
  outstanding_count found{0, std::sqrt(squares / static_cast<double>(n))};
  for (std::size_t i = 0; i < values.size(); ++i) {
    squares = std::max(0.0, squares - values[i] * values[i]);
    double const rest = std::sqrt(squares / static_cast<double>(n - i - 1));
    if (rest > 0 && values[i] > factor * rest) {  // of several equal ones, perhaps only the last does
      found = {i + 1, rest};
    }
  }
  return found;
}

}  // namespace detail

/// Lowers the singular values of C that stand out, of 16 at most, to the root mean square rho of all others; its polar factor
/// stays as it is.
///   C = sum of s_i u_i v_i^T,   polar(C) = sum of u_i v_i^T:   C <- C - sum over s_i > 8 rho of (s_i - rho) u_i v_i^T
/// A few massive tokens make one singular value of a Procrustes matrix 10^5 times as large as most. A polar iteration
/// raises the small ones by steps; without the large ones it takes fewer of them, and float32 is precise enough.
/// @param on where to run   @param c (n x n), finite, not rank-deficient: in a null space, what rounding has left in C would grow
/// beside the rest. Left as it is if nothing stands out, and for n < 64.
/// @return how many values were lowered: those found to 1e-8 rho within 10 steps of subspace iteration
/// @post the polar factor has changed by about 1e-8 at most   Complexity: 64 n^2 operations a step, mostly 3 to 5 steps.
/// Determinism: bitwise for any number of threads (with the built-in products).   Throws: std::bad_alloc.
/// Source: this library's; subspace iteration: Saad, "Numerical Methods for Large Eigenvalue Problems", chapter 5.
template <execution_policy P>
std::size_t lower_outstanding_values(P const& on, matrix_view<double> c) {
  std::size_t const n = c.columns;
  constexpr std::size_t most = 16;
  if (n < 4 * most) {
    return 0;
  }
  check_shape("C", c, n, n);
  double const squares = as_eigen(c).squaredNorm();
  detail::leading_values leading;
  leading.image = matrix<double>(most, n);
  for (std::size_t k = 0; k < most * n; ++k) {
    leading.image.data()[k] = gaussian_block(0, random_stream::orthogonal, k / 4, detail::start_lane - 2).value[k % 4];
  }
  detail::outstanding_count found;
  for (int step = 0; step < 10; ++step) {
    detail::improve_leading(on, matrix_view<double const>(c), leading);
    found = detail::count_outstanding(leading.value, squares, n);
    bool converged = true;
    for (std::size_t i = 0; i < found.count; ++i) {
      converged = converged && leading.residual(i) <= 1e-8 * found.rest;
    }
    if (converged && step > 0) {
      break;
    }
  }
  std::vector<Eigen::Index> lowered;
  for (std::size_t i = 0; i < found.count; ++i) {
    if (leading.residual(i) <= 1e-8 * found.rest) {
      lowered.push_back(static_cast<Eigen::Index>(i));
    }
  }
  parallel_for(threads_of(on), n, [&](std::size_t i) {
    auto const row = static_cast<Eigen::Index>(i);
    for (Eigen::Index const k : lowered) {
      double const excess = leading.value[static_cast<std::size_t>(k)] - found.rest;
      as_eigen(c).row(row) -= excess * as_eigen(leading.left.view())(k, row) * as_eigen(leading.right.view()).row(k);
    }
  });
  return lowered.size();
}

}  // namespace dfrot
