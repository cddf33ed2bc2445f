#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cholesky.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/polar_maps.hpp>
#include <dfrot/linalg/detail/polar_steps.hpp>
#include <dfrot/linalg/detail/symmetric.hpp>

// The iteration behind nearest_orthogonal(). Internal to linalg.
namespace dfrot::detail {

/// Computes M E for the matrix M that completes a singular one: its arguments are E = I - X^T X and the matrix for M E.
/// One type for every M: the iteration takes the compiler long, and is the same for all.
template <class T>
using completion_target = std::function<void(matrix_view<T const>, matrix_view<T>)>;

/// The matrices of polar_steps, X, G and work, on the host.
template <execution_policy P, class T>
class polar_iteration {
 public:
  /// @param on where to run   @param x (n x n), n at least 1, not zero, elements at most 1 in size; replaced step by step
  /// Workspace: 2 n x n values, and 256 x n a thread.
  polar_iteration(P const& on, matrix_view<T> x)
      : on_(on), x_(x), gram_(x.rows, x.rows), work_(x.rows, x.rows), factor_(work_.view()) {}

  /// Iterates to the end.
  /// @return true if X is orthogonal now; false if C is singular: then its singular values are 1 and, to rounding, 0
  [[nodiscard]] bool run() { return polar_steps<T, polar_iteration>(*this).run(); }

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

  // What polar_steps asks for.

  [[nodiscard]] std::size_t order() const { return x_.rows; }

  /// gram = X^T X, both triangles.
  void compute_gram() {
    symmetric_product<true>(on_, T(1), matrix_view<T const>(x_), T(0), gram_.view());
    mirror_lower(threads_of(on_), gram_.view());
  }

  [[nodiscard]] double largest_of_gram() const {
    return largest_eigenvalue<T>(x_.rows, 12, [&](auto& v) { times_gram(v, T(0), T(1)); });
  }

  /// The largest eigenvalue of (I - factor G)^2.
  [[nodiscard]] double largest_of_squared_deviation(double factor) const {
    auto const deviate = [&](auto& v) { times_gram(v, T(1), static_cast<T>(-factor)); };
    return largest_eigenvalue<T>(x_.rows, 6, [&](auto& v) {
      deviate(v);
      deviate(v);
    });
  }

  /// work = L, L L^T = I + factor G.
  void factor_shifted_gram(double factor) {
    parallel_for(threads_of(on_), blocks_of(x_.rows, solve_rows<P>), [&](std::size_t i) {
      std::size_t const first = i * solve_rows<P>;
      std::size_t const count = std::min(solve_rows<P>, x_.rows - first);
      auto const part = [&](matrix<T>& m) { return block_of(m.view(), first, 0, count, first + count); };
      as_eigen(part(work_)) = static_cast<T>(factor) * as_eigen(part(gram_));
    });
    as_eigen(work_.view()).diagonal().array() += T(1);
    factor_.factor(on_);
  }

  /// The largest eigenvalue of (I + factor G)^-1, as it was factored last.
  [[nodiscard]] double largest_of_inverse() const {
    return largest_eigenvalue<T>(x_.rows, 16, [&](auto& v) { factor_.solve(v); });
  }

  /// X <- kept X + divided X (I + factor G)^-1
  void apply_inverse(double kept, double divided) {
    for_row_blocks([&](matrix_view<T> rows, matrix_view<T> solved) {
      as_eigen(solved) = as_eigen(rows);
      factor_.solve(on_, solved);
      as_eigen(rows) = static_cast<T>(kept) * as_eigen(rows) + static_cast<T>(divided) * as_eigen(solved);
    });
  }

  /// X <- multiple X p(I - factor G), p the series.
  void apply_series(inverse_root_series const& series, double factor, double multiple) {
    deviation_from_identity(static_cast<T>(factor));
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
    for_row_blocks([&](matrix_view<T> rows, matrix_view<T> copy) {
      as_eigen(rows) *= static_cast<T>(multiple);
      as_eigen(copy) = as_eigen(rows);
      dense_product(on_, T(1), as_is(copy), as_is(gram_.view()), T(1), rows);
    });
  }

  /// ||(X^T X - I) v|| for a random v of length 1 is about ||X^T X - I||_F / sqrt(n).
  [[nodiscard]] double distance_from_orthogonal() const {
    double error = 0;
    static_cast<void>(largest_eigenvalue<T>(x_.rows, 1, [&](auto& v) {
      Eigen::Matrix<T, Eigen::Dynamic, 1> const before = v;
      multiply_vector<T>(threads_of(on_), x_, v);
      v = (as_eigen(x_).transpose() * v).eval() - before;
      error = static_cast<double>(v.norm());
    }));
    return error;
  }

 private:
  /// v <- (shift I + factor G) v
  void times_gram(Eigen::Matrix<T, Eigen::Dynamic, 1>& v, T shift, T factor) const {
    Eigen::Matrix<T, Eigen::Dynamic, 1> const before = v;
    multiply_vector(threads_of(on_), gram_.view(), v);
    v = shift * before + factor * v;
  }

  /// gram <- I - factor G
  void deviation_from_identity(T factor) {
    auto gram = as_eigen(gram_.view());
    gram *= -factor;
    gram.diagonal().array() += T(1);
  }

  /// Calls body(rows of X, as much memory) for blocks of rows.
  template <class Body>
  void for_row_blocks(Body const& body) {
    parallel_products(on_, blocks_of(x_.rows, solve_rows<P>), [&](std::size_t i) {
      std::size_t const first = i * solve_rows<P>;
      auto const rows = x_.row_block(first, std::min(solve_rows<P>, x_.rows - first));
      matrix<T> memory(rows.rows, rows.columns);
      body(rows, memory.view());
    });
  }

  P const& on_;
  matrix_view<T> x_;
  matrix<T> gram_;
  matrix<T> work_;
  cholesky_factor<T> factor_;  ///< in work
};

}  // namespace dfrot::detail
