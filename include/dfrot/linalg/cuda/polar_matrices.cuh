#pragma once

#include <cmath>
#include <cstddef>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cuda/dense_algebra.cuh>
#include <dfrot/linalg/cuda/elements.cuh>
#include <dfrot/linalg/cuda/lanczos.cuh>
#include <dfrot/linalg/detail/polar_maps.hpp>
#include <dfrot/linalg/detail/polar_steps.hpp>

namespace dfrot::cuda::detail {

/// The matrices of polar_steps, X, G and work, on a device: the twin of polar_iteration, with the same rules. Internal
/// to linalg/cuda.
template <class T>
class polar_matrices {
 public:
  /// @param x (n x n), n at least 1, not zero, elements at most 1 in size; replaced step by step
  /// Memory: 2 n x n values, and cuSOLVER's workspace.
  polar_matrices(dense_algebra const& algebra, matrix_view<T, device_space> x)
      : algebra_(algebra),
        x_(x),
        gram_(algebra.on(), x.rows, x.rows),
        work_(algebra.on(), x.rows, x.rows),
        workspace_(algebra.on(), 1, algebra.template cholesky_workspace<T>(x.rows)),
        info_(algebra.on(), 1, 1),
        lanczos_(algebra.on(), x.rows) {}

  /// Iterates to the end.
  /// @return true if X is orthogonal now; false if it is singular: then its singular values are 1 and, to rounding, 0
  [[nodiscard]] bool run() { return dfrot::detail::polar_steps<T, polar_matrices>(*this).run(); }

  /// After run() returned false: fills the null spaces with the part of M in them, X <- X + (I - X X^T) M (I - X^T X).
  /// @param target called as target(E, W) to compute W <- M E
  template <class Target>
  void complete(Target const& target) {
    compute_gram();
    scale(on(), gram_.view(), T(-1), gram_.view(), T(1));
    target(matrix_view<T const, device_space>(gram_.view()), work_.view());
    algebra_.multiply(T(1), op::transpose, x_, op::none, work_.view(), T(0), gram_.view());
    algebra_.multiply(T(-1), op::none, x_, op::none, gram_.view(), T(1), work_.view());
    add(on(), matrix_sum<T, T, T>{x_, T(1), x_, T(1), work_.view(), T(0)});
  }

  // What polar_steps asks for.

  [[nodiscard]] std::size_t order() const { return x_.rows; }

  /// gram = X^T X.
  void compute_gram() { algebra_.multiply(T(1), op::transpose, x_, op::none, x_, T(0), gram_.view()); }

  [[nodiscard]] double largest_of_gram() {
    return lanczos_.largest_eigenvalue(12, [&](auto v, auto w) { times_gram(T(0), T(1), v, w); });
  }

  /// The largest eigenvalue of (I - factor G)^2.
  [[nodiscard]] double largest_of_squared_deviation(double factor) {
    device_matrix<T> between(on(), 1, order());
    return lanczos_.largest_eigenvalue(6, [&](auto v, auto w) {
      times_gram(T(1), static_cast<T>(-factor), v, between.values());
      times_gram(T(1), static_cast<T>(-factor), between.values(), w);
    });
  }

  /// work = L, L L^T = I + factor G.
  void factor_shifted_gram(double factor) {
    scale(on(), work_.view(), static_cast<T>(factor), gram_.view(), T(1));
    algebra_.factor_cholesky(work_.view(), workspace_.values(), info_.values());
  }

  /// The largest eigenvalue of (I + factor G)^-1, as it was factored last.
  [[nodiscard]] double largest_of_inverse() {
    return lanczos_.largest_eigenvalue(16, [&](auto v, auto w) {
      copy(on(), vector_view<T const, device_space>(v), w);
      algebra_.solve_rows(work_.view(), matrix_view<T, device_space>(w.data, 1, order()));
    });
  }

  /// X <- kept X + divided X (I + factor G)^-1.   G is lost.
  void apply_inverse(double kept, double divided) {
    copy(on(), matrix_view<T const, device_space>(x_), gram_.view());
    algebra_.solve_rows(work_.view(), gram_.view());
    add(on(), matrix_sum<T, T, T>{x_, static_cast<T>(kept), x_, static_cast<T>(divided), gram_.view(), T(0)});
  }

  /// X <- multiple X p(I - factor G), p the series.   G is lost.
  void apply_series(dfrot::detail::inverse_root_series const& series, double factor, double multiple) {
    auto const p = gram_.view();
    auto const square = work_.view();
    auto const w = static_cast<T>(series.w);
    auto const u = static_cast<T>(series.u);
    scale(on(), p, static_cast<T>(-factor), p, T(1));
    if (series.degree >= 2) {
      algebra_.multiply(T(1), op::transpose, p, op::none, p, T(0), square);
    }
    if (series.degree == 4) {
      add(on(), matrix_sum<T, T, T>{square, T(1), square, static_cast<T>(series.r), p, static_cast<T>(series.t)});
      algebra_.multiply(u, op::transpose, square, op::none, square, w, p);
      scale(on(), p, T(1), p, static_cast<T>(series.z - 1));
    } else if (series.degree == 2) {
      add(on(), matrix_sum<T, T, T>{p, w, p, u, square, static_cast<T>(series.z - 1)});
    } else {
      scale(on(), p, w, p, static_cast<T>(series.z - 1));
    }
    // The identity is added apart from the small rest, so that its product is exact.
    scale(on(), x_, static_cast<T>(multiple), x_);
    copy(on(), matrix_view<T const, device_space>(x_), square);
    algebra_.multiply(T(1), op::none, square, op::none, p, T(1), x_);
  }

  /// ||(X^T X - I) v|| for a random v of length 1 is about ||X^T X - I||_F / sqrt(n).
  [[nodiscard]] double distance_from_orthogonal() {
    device_matrix<T> rest(on(), 1, order());
    auto const v = lanczos_.unit_vector();
    algebra_.multiply_vector(T(1), op::none, x_, v, T(0), lanczos_.scratch());
    copy(on(), vector_view<T const, device_space>(v), rest.values());
    algebra_.multiply_vector(T(1), op::transpose, x_, lanczos_.scratch(), T(-1), rest.values());
    return std::sqrt(squared_norm(on(), rest.values()));
  }

 private:
  [[nodiscard]] policy const& on() const { return algebra_.on(); }

  /// w <- (shift I + factor G) v
  void times_gram(T shift, T factor, vector_view<T, device_space> v, vector_view<T, device_space> w) {
    copy(on(), vector_view<T const, device_space>(v), w);
    algebra_.multiply_vector(factor, op::none, gram_.view(), v, shift, w);
  }

  dense_algebra const& algebra_;
  matrix_view<T, device_space> x_;
  device_matrix<T> gram_;
  device_matrix<T> work_;
  device_matrix<T> workspace_;
  device_matrix<int> info_;
  lanczos<T> lanczos_;
};

}  // namespace dfrot::cuda::detail
