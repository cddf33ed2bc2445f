#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <dfrot/core/matrix.hpp>

// A few long vectors in float64, the rows of a matrix on the host. Internal to linalg.
namespace dfrot::detail {

/// sum of a_j b_j, in eight sums, which compilers can vectorize.
[[nodiscard]] inline double sum_of_products(double const* a, double const* b, std::size_t count) {
  double part[8] = {};
  std::size_t j = 0;
  for (; j + 8 <= count; j += 8) {
    for (std::size_t k = 0; k < 8; ++k) {
      part[k] += a[j + k] * b[j + k];
    }
  }
  double sum = 0;
  for (double const p : part) {
    sum += p;
  }
  for (; j < count; ++j) {
    sum += a[j] * b[j];
  }
  return sum;
}

[[nodiscard]] inline double row_product(matrix<double> const& rows, std::size_t p, std::size_t q) {
  return sum_of_products(&rows(p, 0), &rows(q, 0), rows.columns());
}

/// (row p, row q) <- (c p - s q, s p + c q)
inline void rotate_rows(matrix<double>& rows, std::size_t p, std::size_t q, double c, double s) {
  for (std::size_t j = 0; j < rows.columns(); ++j) {
    double const before = rows(p, j);
    rows(p, j) = c * before - s * rows(q, j);
    rows(q, j) = s * before + c * rows(q, j);
  }
}

/// Turns the rows of b until they are orthogonal, and those of v along: one-sided Jacobi rotations, which find small
/// singular values beside large ones with all their digits.
/// Source: Hestenes, "Inversion of matrices by biorthogonalization and related results", J. SIAM 6, 1958.
inline void make_rows_orthogonal(matrix<double>& b, matrix<double>& v) {
  for (int sweep = 0; sweep < 12; ++sweep) {
    double largest_cosine = 0;
    for (std::size_t p = 0; p + 1 < b.rows(); ++p) {
      for (std::size_t q = p + 1; q < b.rows(); ++q) {
        double const pp = row_product(b, p, p);
        double const qq = row_product(b, q, q);
        double const pq = row_product(b, p, q);
        double const cosine = std::fabs(pq) / std::sqrt(pp * qq);
        if (cosine > 1e-15) {  // false for rows of zeros
          largest_cosine = std::max(largest_cosine, cosine);
          double const zeta = (qq - pp) / (2 * pq);
          double const t = std::copysign(1 / (std::fabs(zeta) + std::hypot(1.0, zeta)), zeta);
          double const c = 1 / std::hypot(1.0, t);
          rotate_rows(b, p, q, c, c * t);
          rotate_rows(v, p, q, c, c * t);
        }
      }
    }
    if (largest_cosine < 1e-14) {
      return;
    }
  }
}

/// Rows of length 1, orthogonal to each other; each keeps the direction in which it leaves the rows before it.
inline void make_rows_orthonormal(matrix<double>& v) {
  for (std::size_t i = 0; i < v.rows(); ++i) {
    for (int pass = 0; pass < 2; ++pass) {  // the second pass removes what rounding left in the first
      for (std::size_t k = 0; k < i; ++k) {
        double const part = row_product(v, i, k);
        std::transform(&v(i, 0), &v(i, 0) + v.columns(), &v(k, 0), &v(i, 0),
                       [part](double x, double y) { return x - part * y; });
      }
      double const length = std::max(std::sqrt(row_product(v, i, i)), std::numeric_limits<double>::min());
      std::transform(&v(i, 0), &v(i, 0) + v.columns(), &v(i, 0), [length](double x) { return x / length; });
    }
  }
}

/// Singular values in falling order, with their vectors as rows of length 1 (of 0, for a value of 0).
struct singular_triples {
  std::vector<double> values;
  matrix<double> left;
  matrix<double> right;
};

/// The singular values of C within the span of some rows. @param left the rows of `right` times C^T   @param right orthonormal
[[nodiscard]] inline singular_triples singular_triples_of(matrix<double> left, matrix<double> right) {
  make_rows_orthogonal(left, right);
  std::size_t const count = left.rows();
  std::vector<double> length(count);
  for (std::size_t i = 0; i < count; ++i) {
    length[i] = std::sqrt(row_product(left, i, i));
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return length[a] > length[b]; });
  singular_triples found{{}, matrix<double>(count, left.columns()), matrix<double>(count, right.columns())};
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t const from = order[i];
    double const divisor = std::max(length[from], std::numeric_limits<double>::min());
    found.values.push_back(length[from]);
    std::transform(&left(from, 0), &left(from, 0) + left.columns(), &found.left(i, 0),
                   [=](double x) { return x / divisor; });
    std::copy_n(&right(from, 0), right.columns(), &found.right(i, 0));
  }
  return found;
}

}  // namespace dfrot::detail
