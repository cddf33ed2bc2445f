#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cholesky.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/polar_maps.hpp>
#include <dfrot/linalg/symmetric.hpp>

// The iteration behind nearest_orthogonal(). Internal to linalg.
namespace dfrot::detail {

/// The smallest lower bound that a Halley step is weighted for. Its weight c is the condition of the matrix that is
/// factored, so c times the rounding error must stay small: c is 1e3 in float32, 1e8 in float64.
template <class T>
inline constexpr double least_lower_bound = sizeof(T) == 4 ? 8e-3 : 1.4e-6;

/// Computes M E for the matrix M that completes a singular one: its arguments are E = I - X^T X and the matrix for M E.
/// One type for every M: the iteration takes the compiler long, and is the same for all.
template <class T>
using completion_target = std::function<void(matrix_view<T const>, matrix_view<T>)>;

/// QDWH: makes the singular values of X equal to 1 by Halley steps X <- X (a I + b G) (I + c G)^-1, G = X^T X, and a last
/// step with a polynomial in G.
///
/// What a step is weighted for is the smallest singular value. It is measured, not assumed: by inverse iteration with the
/// Cholesky factor of I + c G at hand, and near the end by ||I - G||_2. A value so small that it cannot be seen at the
/// largest c allowed is raised by that step's factor a and measured again. What is not seen after two such steps counts as
/// zero.
template <execution_policy P, class T>
class polar_iteration {
 public:
  /// @param on where to run   @param x (n x n), n at least 1, not zero, elements at most 1 in size; replaced step by step
  /// Workspace: 2 n x n values, and 256 x n a thread.
  polar_iteration(P const& on, matrix_view<T> x) : on_(on), x_(x), gram_(x.rows, x.rows), work_(x.rows, x.rows) {}

  /// Iterates to the end.
  /// @return true if X is orthogonal now; false if C is singular: then its singular values are 1 and, to rounding, 0
  [[nodiscard]] bool run() {
    lower_ = 0;
    hidden_ = 0;
    singular_ = false;
    bounded_ = false;
    compute_gram();
    scale_ = 1 / std::sqrt(largest_eigenvalue<T>(x_.rows, 12, [&](auto& v) { times_gram(v, T(0), T(1)); }));
    for (int step = 0; step < 40; ++step) {
      double const deviation = measured_deviation();
      // After a Halley step, no eigenvalue of G is above 1: the polynomial is taken around the middle of [1 - deviation, 1].
      double const middle = bounded_ ? 1 - deviation / 2 : 1;
      auto const series = inverse_root_series::for_deviation(deviation / (bounded_ ? 2 * middle : 1), tolerance);
      if (series.degree > 0) {
        finish(series, middle);
        if (singular_ || is_orthogonal()) {
          return !singular_;
        }
        lower_ = 0;
      } else {
        halley_step();
      }
      compute_gram();
    }
    reject(message("the polar iteration of a ", x_.rows, " x ", x_.rows, " matrix did not converge"));
  }

  /// After run() returned false: fills the null spaces with the part of M in them, X <- X + (I - X X^T) M (I - X^T X).
  void complete(completion_target<T> const& target) {
    compute_gram();
    deviation_from_identity(T(1));
    target(gram_.view(), work_.view());
    dense_product(on_, T(1), transposed(x_), as_is(work_.view()), T(0), gram_.view());
    for_row_blocks([&](matrix_view<T> rows, matrix_view<T> copy) {
      as_eigen(copy) = as_eigen(rows);
      dense_product(on_, T(-1), as_is(copy), as_is(gram_.view()), T(1), rows);
    });
    as_eigen(x_) += as_eigen(work_.view());
  }

 private:
  static constexpr double tolerance = static_cast<double>(std::numeric_limits<T>::epsilon());

  /// gram = X^T X, both triangles.
  void compute_gram() {
    symmetric_product<true>(on_, T(1), matrix_view<T const>(x_), T(0), gram_.view());
    mirror_lower(threads_of(on_), gram_.view());
  }

  /// v <- (shift I + factor G) v
  void times_gram(Eigen::Matrix<T, Eigen::Dynamic, 1>& v, T shift, T factor) const {
    Eigen::Matrix<T, Eigen::Dynamic, 1> const before = v;
    multiply_vector(threads_of(on_), gram_.view(), v);
    v = shift * before + factor * v;
  }

  /// ||I - G||_2 with a margin, as far as a power iteration can tell; at least 0.7 says little, and 1 is returned.
  [[nodiscard]] double measured_deviation() {
    if (singular_ || (lower_ > 0 && lower_ < 0.8)) {
      return 1 - lower_ * lower_;
    }
    auto const deviate = [&](auto& v) { times_gram(v, T(1), static_cast<T>(-scale_ * scale_)); };
    double const square = largest_eigenvalue<T>(x_.rows, 6, [&](auto& v) {
      deviate(v);
      deviate(v);
    });
    double const measured = 1.1 * std::sqrt(std::max(0.0, square));
    lower_ = measured < 0.7 ? std::sqrt(1 - measured) : 0;
    return 1 - lower_ * lower_;
  }

  /// work = L, L L^T = I + c G.
  void factor_shifted_gram(cholesky_factor<T>& factor, double c) {
    parallel_for(threads_of(on_), blocks_of(x_.rows, solve_rows), [&](std::size_t i) {
      std::size_t const first = i * solve_rows;
      std::size_t const count = std::min(solve_rows, x_.rows - first);
      auto const part = [&](matrix<T>& m) { return block_of(m.view(), first, 0, count, first + count); };
      as_eigen(part(work_)) = static_cast<T>(c * scale_ * scale_) * as_eigen(part(gram_));
    });
    as_eigen(work_.view()).diagonal().array() += T(1);
    factor.factor(on_);
  }

  /// The smallest singular value of X by inverse iteration; 0 if it is hidden, c sigma^2 below 0.05.
  [[nodiscard]] double measured_smallest(cholesky_factor<T> const& factor, double c) const {
    double const inverse = largest_eigenvalue<T>(x_.rows, 16, [&](auto& v) { factor.solve(v); });
    double const seen = 1 / inverse - 1;
    return seen < 0.05 ? 0 : std::min(1.0, 0.9 * std::sqrt(seen / c));
  }

  void halley_step() {
    double weighted_for = std::max(lower_, least_lower_bound<T>);
    halley_map map = best_halley_map(weighted_for);
    cholesky_factor<T> factor(work_.view());
    factor_shifted_gram(factor, map.c);
    double smallest = singular_ ? lower_ : measured_smallest(factor, map.c);
    if (!singular_ && smallest > 8 * weighted_for) {
      weighted_for = smallest;  // well-conditioned: one more factor, at a tenth of a step's cost, makes a better step
      map = best_halley_map(weighted_for);
      factor_shifted_gram(factor, map.c);
    }
    // All values in [smallest, 1] are mapped to at least what their lowest points are mapped to.
    double lower = smallest > 0 ? std::min(map(smallest), map(weighted_for)) : 0;
    if (smallest == 0 && ++hidden_ == 3) {
      singular_ = true;
      map = filtering_map(map.c);
      lower = map(1 / std::sqrt(map.c));
    }
    apply(factor, map);
    lower_ = lower;
  }

  /// X <- X (b/c I + (a - b/c) (I + c G)^-1)
  void apply(cholesky_factor<T> const& factor, halley_map const& map) {
    auto const kept = static_cast<T>(scale_ * map.b / map.c);
    auto const divided = static_cast<T>(scale_ * (map.a - map.b / map.c));
    for_row_blocks([&](matrix_view<T> rows, matrix_view<T> solved) {
      as_eigen(solved) = as_eigen(rows);
      factor.solve(on_, solved);
      as_eigen(rows) = kept * as_eigen(rows) + divided * as_eigen(solved);
    });
    scale_ = 1;
    bounded_ = true;
  }

  /// gram <- I - factor G
  void deviation_from_identity(T factor) {
    auto gram = as_eigen(gram_.view());
    gram *= -factor;
    gram.diagonal().array() += T(1);
  }

  /// X <- X (G / m)^(-1/2) / sqrt(m) by a polynomial, m the middle of the eigenvalues of G.
  void finish(inverse_root_series const& series, double middle) {
    deviation_from_identity(static_cast<T>(scale_ * scale_ / middle));
    auto e = as_eigen(gram_.view());
    auto square = as_eigen(work_.view());
    if (series.degree >= 2) {
      symmetric_product<true>(on_, T(1), matrix_view<T const>(gram_.view()), T(0), work_.view());
    }
    if (series.degree == 4) {
      mirror_lower(threads_of(on_), work_.view());
      square += static_cast<T>(series.r) * e;
      square.diagonal().array() += static_cast<T>(series.t);
      symmetric_product<true>(on_, static_cast<T>(series.u), matrix_view<T const>(work_.view()),
                              static_cast<T>(series.w), gram_.view());
    } else if (series.degree == 2) {
      e = static_cast<T>(series.w) * e + static_cast<T>(series.u) * square;
    } else {
      e *= static_cast<T>(series.w);
    }
    e.diagonal().array() += static_cast<T>(series.z - 1);
    mirror_lower(threads_of(on_), gram_.view());
    // The identity is added apart from the small rest, so that its product is exact.
    auto const factor = static_cast<T>(scale_ / std::sqrt(middle));
    for_row_blocks([&](matrix_view<T> rows, matrix_view<T> copy) {
      as_eigen(rows) *= factor;
      as_eigen(copy) = as_eigen(rows);
      dense_product(on_, T(1), as_is(copy), as_is(gram_.view()), T(1), rows);
    });
    scale_ = 1;
    bounded_ = false;
  }

  /// ||(X^T X - I) v|| for a random v of length 1 is about ||X^T X - I||_F / sqrt(n).
  [[nodiscard]] bool is_orthogonal() const {
    double error = 0;
    static_cast<void>(largest_eigenvalue<T>(x_.rows, 1, [&](auto& v) {
      Eigen::Matrix<T, Eigen::Dynamic, 1> const before = v;
      multiply_vector<T>(threads_of(on_), x_, v);
      v = (as_eigen(x_).transpose() * v).eval() - before;
      error = static_cast<double>(v.norm());
    }));
    return error < 32 * tolerance;
  }

  /// Calls body(rows of X, as much memory) for blocks of rows.
  template <class Body>
  void for_row_blocks(Body const& body) {
    independent_products(on_, blocks_of(x_.rows, solve_rows), [&](std::size_t i) {
      std::size_t const first = i * solve_rows;
      auto const rows = x_.row_block(first, std::min(solve_rows, x_.rows - first));
      matrix<T> memory(rows.rows, rows.columns);
      body(rows, memory.view());
    });
  }

  P const& on_;
  matrix_view<T> x_;
  matrix<T> gram_;
  matrix<T> work_;
  double scale_ = 1;       ///< X stands for scale_ X
  double lower_ = 0;       ///< of the singular values of scale_ X; 0: not known
  int hidden_ = 0;         ///< steps in which the smallest one could not be seen
  bool bounded_ = false;   ///< no singular value of X is above 1, but for rounding
  bool singular_ = false;  ///< X has singular values that count as zero, and lower_ is that of the others
};

}  // namespace dfrot::detail
