#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/optimize/transforms/rotation_targets.hpp>
#include <dfrot/optimize/transforms/target_rotation.hpp>
#include <dfrot/transform/check_orthogonal.hpp>
#include <dfrot/transform/kronecker.hpp>

namespace dfrot {

/// What a refinement of a Kronecker rotation found.
struct refined_kronecker {
  kronecker rotation;
  std::vector<double> objectives;  ///< before the first half step, and after each: two a round
  std::size_t best = 0;            ///< which of them the rotation has
};

namespace detail {

/// Each token, an a x b matrix, transposed.
/// @param x values without gaps
[[nodiscard]] inline matrix<double> transposed_tokens(matrix_view<double const> x, std::size_t tokens, std::size_t a,
                                                      std::size_t b) {
  matrix<double> result(tokens * b, a);
  for (std::size_t i = 0; i < tokens; ++i) {
    for (std::size_t r = 0; r < a; ++r) {
      for (std::size_t c = 0; c < b; ++c) {
        result(i * b + c, r) = x.data[(i * a + r) * b + c];
      }
    }
  }
  return result;
}

/// The same values as rows of another length.
template <class T>
[[nodiscard]] matrix_view<T> rows_of(matrix_view<T> x, std::size_t columns) {
  return {x.data, x.rows * x.columns / columns, columns};
}

template <class P>
[[nodiscard]] matrix<double> rows_times(P const& on, matrix_view<double const> x, matrix<double> const& turn) {
  matrix<double> result(x.rows, x.columns);
  dense_product(on, 1.0, as_is(x), as_is(turn.view()), 0.0, result.view());
  return result;
}

/// Tokens, and the same transposed, with the two factors that turn them.
struct kronecker_tokens {
  matrix<double> rows;        // m x a b
  matrix<double> transposed;  // m b x a
  matrix<double> left, right;

  [[nodiscard]] std::size_t a() const { return left.rows(); }
  [[nodiscard]] std::size_t b() const { return right.rows(); }

  /// Q for fixed P. Returns the objective before.
  template <class P, class Target>
  double turn_right(P const& on, Target const& target) {
    auto const z =
        transposed_tokens(rows_times(on, std::as_const(transposed).view(), left).view(), rows.rows(), b(), a());
    matrix<double> sums(b(), b());
    return procrustes_step(on, z.view(), 0, sums, right, [&](auto const& y, auto const& to) {
      return target(on, rows_of(y, a() * b()), rows_of(to, a() * b()));
    });
  }

  /// P for fixed Q, on transposed tokens. Returns the objective before.
  template <class P, class Target>
  double turn_left(P const& on, Target const& target) {
    auto const z = transposed_tokens(rows_times(on, rows_of(std::as_const(rows).view(), b()), right).view(),
                                     rows.rows(), a(), b());
    matrix<double> sums(a(), a());
    return procrustes_step(on, z.view(), 0, sums, left, [&](auto const& y, auto const& to) {
      auto const in_order = transposed_tokens(y, rows.rows(), b(), a());
      matrix<double> targets(in_order.rows(), in_order.columns());
      double const objective = target(on, rows_of(in_order.view(), a() * b()), rows_of(targets.view(), a() * b()));
      auto const back = transposed_tokens(std::as_const(targets).view(), rows.rows(), a(), b());
      std::copy_n(back.data(), y.rows * y.columns, to.data);
      return objective;
    });
  }
};

}  // namespace detail

/// Refines a Kronecker rotation P (x) Q for a target, by turns of the two factors, each the nearest to the targets for the other one
/// (what FlatQuant trains, without gradients):
///   Y_i = P^T X_i Q,   B_i the targets;   Q <- polar(sum (P^T X_i)^T B_i);   P <- polar(sum (X_i Q) B_i^T)
/// @param on where to run (host)   @param x tokens (m x a b), not changed; no tokens leave the start
/// @param left P (a x a), @param right Q (b x b) orthogonal, such as random_orthogonal() or Hadamard matrices
/// @param target quantized_target of any scheme, corner_target, whip_target, or one's own   @param rounds each turns both factors
/// @post never worse on x than the start: the best pair is kept   Precision: all in double.
/// Complexity: 8 m n (a + b) operations a round and the targets; workspace of 6 m n doubles.
/// Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument unless a b is the number of channels, for factors that are not orthogonal, a value that is not finite
/// (naming its row); std::bad_alloc.
/// Source: Sun et al. (FlatQuant), arXiv 2410.09426, section 3 (the factors); Procrustes steps for each: this library.
template <execution_policy P, storage T, rotation_target<P> Target>
[[nodiscard]] refined_kronecker refine_kronecker(P const& on, matrix_view<T> x, matrix<double> left,
                                                 matrix<double> right, Target const& target, std::size_t rounds) {
  std::size_t const a = left.rows();
  std::size_t const b = right.rows();
  detail::check_orthogonal("the left matrix of a Kronecker product", std::as_const(left).view());
  detail::check_orthogonal("the right matrix of a Kronecker product", std::as_const(right).view());
  expects(a * b == x.columns, "a Kronecker product of ", a, " and ", b, " channels for rows of ", x.columns);
  expects(a * b != 0, "a Kronecker product of no channels");
  auto tokens = detail::checked_tokens(on, x, x.columns);
  auto transposed = detail::transposed_tokens(std::as_const(tokens).view(), x.rows, a, b);
  detail::kronecker_tokens work{std::move(tokens), std::move(transposed), std::move(left), std::move(right)};
  auto best_left = work.left;
  auto best_right = work.right;
  std::vector<double> objectives;
  std::size_t best = 0;
  for (std::size_t half = 0; half <= 2 * rounds; ++half) {
    auto const before_left = work.left;
    auto const before_right = work.right;
    objectives.push_back(half % 2 == 0 ? work.turn_right(on, target) : work.turn_left(on, target));
    if (objectives.back() < objectives[best]) {
      best = half;
      best_left = before_left;
      best_right = before_right;
    }
  }
  return {kronecker(std::move(best_left), std::move(best_right)), std::move(objectives), best};
}

}  // namespace dfrot
