#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/linalg/detail/orthogonal_rows.hpp>
#include <dfrot/linalg/detail/tridiagonal.hpp>

// Subspace iteration for the largest singular values of C, wherever C is; its few vectors are on the host, as rows.
// Internal to linalg.
namespace dfrot::detail {

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
    auto triples = singular_triples_of(std::move(left), std::move(right));
    value_ = std::move(triples.values);
    left_ = std::move(triples.left);
    right_ = std::move(triples.right);
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
