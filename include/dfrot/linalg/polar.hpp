#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/polar_iteration.hpp>
#include <dfrot/linalg/polar_checks.hpp>

namespace dfrot {

namespace detail {

/// work = N E with a Gaussian N, the same for every call: it has a part in every subspace.
template <execution_policy P, class T>
void gaussian_target(P const& on, matrix_view<T const> e, matrix_view<T> work) {
  parallel_products(on, blocks_of(work.rows, solve_rows<P>), [&](std::size_t i) {
    std::size_t const first = i * solve_rows<P>;
    auto const rows = work.row_block(first, std::min(solve_rows<P>, work.rows - first));
    matrix<T> gaussian(rows.rows, rows.columns);
    for (std::size_t k = 0; k < rows.rows * rows.columns; ++k) {
      auto const four = gaussian_block(0, random_stream::orthogonal, (first * rows.columns + k) / 4, start_lane - 1);
      gaussian.data()[k] = static_cast<T>(four.value[(first * rows.columns + k) % 4]);
    }
    dense_product(on, T(1), as_is(gaussian.view()), as_is(e), T(0), rows);
  });
}

/// The polar factor of q, in place. @param target computes M E for the matrix M that completes a singular one
template <execution_policy P, class T>
void make_orthogonal(P const& on, matrix_view<T> q, completion_target<T> const& target) {
  polar_iteration<P, T> iteration(on, q);
  if (iteration.run()) {
    return;
  }
  iteration.complete(target);
  if (iteration.run()) {
    return;
  }
  iteration.complete([&](matrix_view<T const> e, matrix_view<T> work) { gaussian_target(on, e, work); });
  expects(iteration.run(), "the polar iteration of a ", q.rows, " x ", q.rows, " matrix found no completion");
}

/// Checks, scales c into q, and makes q orthogonal. @return false for c = 0, where q is left as it is
template <execution_policy P, class C, class T, class Space>
[[nodiscard]] bool nearest_orthogonal_with(P const& on, matrix_view<C, Space> c, matrix_view<T, Space> q,
                                           std::type_identity_t<completion_target<T>> const& target) {
  check_policy<Space>(on);
  expects_square_pair(c, q);
  if (c.rows == 0) {
    return true;
  }
  expects_finite(c);
  T const largest = as_eigen(c).cwiseAbs().maxCoeff();
  if (largest == T(0)) {
    return false;
  }
  as_eigen(q) = as_eigen(c) / largest;  // the factor of a multiple is the same, and squares neither overflow nor vanish
  make_orthogonal(on, q, target);
  return true;
}

}  // namespace detail

/// The orthogonal matrix nearest to C, which is also the one with the largest tr(Q^T C): the orthogonal polar factor.
///   C = Q H,   Q^T Q = I,   H symmetric and positive semidefinite;   for C = U S V^T: Q = U V^T
/// Where C is singular (fewer tokens than channels), many Q are equally near. The one nearest to the identity is taken, so
/// that directions nobody has asked to turn stay where they are:
///   Q = U_1 V_1^T + polar(P I P'),   P, P' the projectors on the null spaces of C^T and C
/// If that leaves a choice, too, some Q of those is taken, the same every time. C = 0 gives Q = I. Singular values below
/// about 1e-6 (float) or 1e-13 (double) of the largest count as zero, since rounding has changed them as much.
/// @param on where to run   @param c (n x n), finite, float or double   @param q (n x n) of the same type, overwritten;
/// may be c itself
/// @post ||Q^T Q - I||_F / sqrt(n) below 5e-7 for float, 1e-14 for double (n up to 4096)
/// Complexity: 9 n^3 operations for a condition of 5, 11 n^3 for 100, 15 n^3 for 1e4; up to 35 n^3 for a singular matrix.
/// Workspace: two n x n matrices of the same type, and 256 x n values a thread (with a BLAS, 1024 x n), allocated.
/// Determinism: bitwise for any number of threads (with the built-in products).
/// Throws: std::invalid_argument on shape and on elements that are not finite; std::bad_alloc.
/// Source: QDWH: Nakatsukasa, Bai, Gygi, SIAM J. Matrix Anal. Appl. 31, 2010; with Cholesky factors: Nakatsukasa, Higham,
/// SIAM J. Sci. Comput. 35, 2013; the weights from measured singular values and the completion are this library's.
template <execution_policy P, dense_scalar C, dense_scalar T, class Space>
requires std::same_as<std::remove_const_t<C>, T>
void nearest_orthogonal(P const& on, matrix_view<C, Space> c, matrix_view<T, Space> q) {
  auto const identity = [](matrix_view<T const> e, matrix_view<T> product) { as_eigen(product) = as_eigen(e); };
  if (!detail::nearest_orthogonal_with(on, c, q, identity)) {
    as_eigen(q).setIdentity();
  }
}

/// The same, with singular C completed nearest to a given matrix instead of the identity; C = 0 gives its polar factor.
/// @param completion (n x n), finite; its memory does not overlap that of q
template <execution_policy P, dense_scalar C, dense_scalar T, dense_scalar M, class Space>
requires std::same_as<std::remove_const_t<C>, T> && std::same_as<std::remove_const_t<M>, T>
void nearest_orthogonal(P const& on, matrix_view<C, Space> c, matrix_view<T, Space> q,
                        matrix_view<M, Space> completion) {
  detail::expects_square_pair(completion, q);
  detail::expects_finite(completion);
  auto const given = [&](matrix_view<T const> e, matrix_view<T> product) {
    dense_product(on, T(1), as_is(completion), as_is(e), T(0), product);
  };
  if (!detail::nearest_orthogonal_with(on, c, q, given)) {
    nearest_orthogonal(on, completion, q);
  }
}

}  // namespace dfrot
