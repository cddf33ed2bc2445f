#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/linalg/detail/tridiagonal.hpp>

// Subspace iteration for the largest singular values of C, wherever C is; its few vectors are on the host, as rows.
// Internal to linalg.
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

/// Finds the dominant singular values of C, and deflates them: see deflate_dominant().
/// Matrix holds C and does what takes all of it, in float64, for few rows X:
///   order();   sum_of_squares(), of its elements;   times(X), X C;   times_transposed(X), X C^T;
///   subtract(L, R), C <- C - L^T R
template <class Matrix>
class subspace_iteration {
 public:
  /// Singular values that are looked for.
  static constexpr std::size_t most = 16;
  /// Smaller matrices are left alone.
  static constexpr std::size_t least_order = 4 * most;

  explicit subspace_iteration(Matrix& c) : c_(c), image_(most, c.order()) {}

  /// @return how many values were lowered
  std::size_t run() {
    if (c_.order() < least_order) {
      return 0;
    }
    squares_ = c_.sum_of_squares();
    if (!is_finite(squares_)) {  // left to the polar factor, which refuses what is not finite
      return 0;
    }
    for (std::size_t k = 0; k < most * c_.order(); ++k) {
      image_.data()[k] = gaussian_block(0, random_stream::orthogonal, k / 4, start_lane - 2).value[k % 4];
    }
    for (int step = 0; step < 10; ++step) {
      improve();
      count_dominant();
      if (step > 0 && converged().size() == count_) {
        break;
      }
    }
    return lower(converged());
  }

 private:
  /// One step of subspace iteration: v_i from the images before, s_i u_i = C v_i, and new images u_i C.
  void improve() {
    matrix<double> right = std::move(image_);
    make_rows_orthonormal(right);
    matrix<double> left = c_.times_transposed(right);
    make_rows_orthogonal(left, right);
    std::vector<double> length(most);
    for (std::size_t i = 0; i < most; ++i) {
      length[i] = std::sqrt(row_product(left, i, i));
    }
    std::vector<std::size_t> order(most);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return length[a] > length[b]; });
    std::size_t const n = c_.order();
    value_.clear();
    left_ = matrix<double>(most, n);
    right_ = matrix<double>(most, n);
    for (std::size_t i = 0; i < most; ++i) {
      std::size_t const from = order[i];
      double const divisor = std::max(length[from], std::numeric_limits<double>::min());
      value_.push_back(length[from]);
      std::transform(&left(from, 0), &left(from, 0) + n, &left_(i, 0), [=](double x) { return x / divisor; });
      std::copy_n(&right(from, 0), n, &right_(i, 0));
    }
    image_ = c_.times(left_);
  }

  /// The largest k for which value k exceeds eight times the root mean square of all after it.
  void count_dominant() {
    double squares = squares_;
    count_ = 0;
    for (std::size_t i = 0; i < most; ++i) {
      squares = std::max(0.0, squares - value_[i] * value_[i]);
      double const rest = std::sqrt(squares / static_cast<double>(c_.order() - i - 1));
      if (rest > 0 && value_[i] > 8 * rest) {  // of several equal ones, perhaps only the last does
        count_ = i + 1;
        rest_ = rest;
      }
    }
  }

  /// The dominant values that are known well enough: ||u_i C - s_i v_i|| <= 1e-8 of the rest.
  [[nodiscard]] std::vector<std::size_t> converged() const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < count_; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < c_.order(); ++j) {
        double const difference = image_(i, j) - value_[i] * right_(i, j);
        sum += difference * difference;
      }
      if (std::sqrt(sum) <= 1e-8 * rest_) {
        found.push_back(i);
      }
    }
    return found;
  }

  std::size_t lower(std::vector<std::size_t> const& which) {
    if (which.empty()) {
      return 0;
    }
    std::size_t const n = c_.order();
    matrix<double> left(which.size(), n);
    matrix<double> right(which.size(), n);
    for (std::size_t k = 0; k < which.size(); ++k) {
      double const excess = value_[which[k]] - rest_;
      std::transform(&left_(which[k], 0), &left_(which[k], 0) + n, &left(k, 0), [=](double x) { return excess * x; });
      std::copy_n(&right_(which[k], 0), n, &right(k, 0));
    }
    c_.subtract(left, right);
    return which.size();
  }

  Matrix& c_;
  double squares_ = 0;         ///< sum of all s_i^2
  std::vector<double> value_;  ///< s_i, in falling order
  matrix<double> left_;        ///< u_i
  matrix<double> right_;       ///< v_i
  matrix<double> image_;       ///< u_i C, which is s_i v_i where the iteration has converged
  std::size_t count_ = 0;      ///< dominant values
  double rest_ = 0;            ///< root mean square of all others
};

}  // namespace dfrot::detail
