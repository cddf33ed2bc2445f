#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cuda/dense_algebra.cuh>
#include <dfrot/linalg/cuda/elements.cuh>
#include <dfrot/linalg/cuda/polar_matrices.cuh>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/linalg/detail/tridiagonal.hpp>

namespace dfrot::cuda {

namespace detail {

/// Throws: std::invalid_argument naming the first element that is not finite, of a matrix that has one.
template <class T>
void reject_non_finite_matrix(policy const& on, matrix_view<T const, device_space> c) {
  matrix<T> here(c.rows, c.columns);
  copy(on, c, here.view());
  synchronize(on);
  for (std::size_t i = 0; i < c.rows; ++i) {
    for (std::size_t j = 0; j < c.columns; ++j) {
      expects(is_finite(here(i, j)), "a matrix with the element ", here(i, j), " in row ", i, ", column ", j,
              " has no nearest orthogonal matrix");
    }
  }
}

/// W <- N E with a Gaussian N, made on the host, the same for every call: it has a part in every subspace.
template <class T>
void gaussian_target(dense_algebra const& algebra, matrix_view<T const, device_space> e,
                     matrix_view<T, device_space> work) {
  matrix<T> here(e.rows, e.rows);
  for (std::size_t k = 0; k < e.rows * e.rows; ++k) {
    here.data()[k] =
        static_cast<T>(gaussian_block(0, random_stream::orthogonal, k / 4, dfrot::detail::start_lane - 1).value[k % 4]);
  }
  device_matrix<T> there(algebra.on(), e.rows, e.rows);
  copy(algebra.on(), matrix_view<T const>(here.view()), there.view());
  algebra.multiply(T(1), op::none, there.view(), op::none, e, T(0), work);
  synchronize(algebra.on());
}

/// The polar factor of q, in place; a singular one is completed nearest to the identity.
template <class T>
void make_orthogonal(dense_algebra const& algebra, matrix_view<T, device_space> q) {
  polar_matrices<T> matrices(algebra, q);
  if (matrices.run()) {
    return;
  }
  matrices.complete([&](auto e, auto work) { copy(algebra.on(), e, work); });
  if (matrices.run()) {
    return;
  }
  matrices.complete([&](auto e, auto work) { gaussian_target(algebra, e, work); });
  expects(matrices.run(), "the polar iteration of a ", q.rows, " x ", q.rows, " matrix found no completion");
}

}  // namespace detail

/// The orthogonal matrix nearest to C, its orthogonal polar factor, on a device: the twin of the host's
/// nearest_orthogonal(), with the same iteration, weights and completion (nearest to the identity for singular C), see
/// there.
///   C = Q H,   Q^T Q = I,   H symmetric and positive semidefinite
/// @param algebra where to run   @param c (n x n), finite, float or double
/// @param q (n x n) of the same type, overwritten; may be c itself
/// @post ||Q^T Q - I||_F / sqrt(n) is a few rounding errors of T; Q differs from the host's by the rounding of another
/// order of sums
/// Complexity: as the host's; products and solutions take n^3 each. Memory: two n x n matrices and cuSOLVER's
/// workspace. The host decides after every step, so this waits for the stream many times.
/// Determinism: as dense_algebra.
/// Throws: std::invalid_argument on shape and on elements that are not finite; std::runtime_error as check_status().
template <dense_scalar C, dense_scalar T>
requires std::is_same_v<std::remove_const_t<C>, T>
void nearest_orthogonal(dense_algebra const& algebra, matrix_view<C, device_space> c, matrix_view<T, device_space> q) {
  expects(c.rows == c.columns, "the nearest orthogonal matrix of ", c.rows, " x ", c.columns, " does not exist");
  check_stride("the matrix", c);
  check_shape("the nearest orthogonal matrix", q, c.rows, c.rows);
  if (c.rows == 0) {
    return;
  }
  T const largest = detail::peak_of(algebra.on(), c);
  if (!is_finite(largest)) {
    detail::reject_non_finite_matrix(algebra.on(), matrix_view<T const, device_space>(c));
  }
  if (largest == T(0)) {
    detail::scale(algebra.on(), q, T(0), q, T(1));
    return;
  }
  // The factor of a multiple is the same, and squares neither overflow nor vanish. Powers of two round nothing; in two
  // steps, since the inverse of a tiny peak may not be finite.
  int const exponent = -(std::ilogb(largest) + 1);
  detail::scale(algebra.on(), q, std::ldexp(T(1), exponent / 2), c);
  detail::scale(algebra.on(), q, std::ldexp(T(1), exponent - exponent / 2), q);
  detail::make_orthogonal(algebra, q);
}

/// How far a square matrix is from being orthogonal, computed in float64 on a device: the twin of the host's
/// orthogonality().
///   ||R^T R - I||_F / sqrt(n)
/// @param r (n x n), n at least 1   Complexity: 2 n^3 operations in float64; memory of two n x n doubles.
/// Throws: std::invalid_argument on shape; std::runtime_error as check_status().
template <dense_scalar T>
[[nodiscard]] double orthogonality(dense_algebra const& algebra, matrix_view<T, device_space> r) {
  expects(r.rows == r.columns && r.rows >= 1, "orthogonality is a property of square matrices, not of ", r.rows, " x ",
          r.columns);
  device_matrix<double> exact(algebra.on(), r.rows, r.rows);
  device_matrix<double> gram(algebra.on(), r.rows, r.rows);
  detail::scale(algebra.on(), exact.view(), 1.0, r);
  detail::scale(algebra.on(), gram.view(), 0.0, exact.view(), 1.0);
  algebra.multiply(1.0, op::transpose, exact.view(), op::none, exact.view(), -1.0, gram.view());
  return std::sqrt(detail::squared_norm(algebra.on(), gram.values()) / static_cast<double>(r.rows));
}

}  // namespace dfrot::cuda
