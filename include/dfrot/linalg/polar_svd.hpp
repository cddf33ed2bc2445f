#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_svd.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/serial_eigen.hpp>
#include <dfrot/linalg/polar_checks.hpp>

namespace dfrot {

namespace detail {

/// The factor U V^T of an SVD; false if the decomposition failed or the product is not orthogonal to 1e-10 an element.
template <class Decomposition>
[[nodiscard]] bool take_factor(Decomposition const& svd, Eigen::MatrixXd& factor) {
  if (svd.info() != Eigen::Success) {
    return false;
  }
  factor.noalias() = svd.matrixU() * svd.matrixV().transpose();
  Eigen::MatrixXd gram = factor.transpose() * factor;
  gram.diagonal().array() -= 1.0;
  return gram.cwiseAbs().maxCoeff() <= 1e-10;  // false for NaN as well
}

/// U V^T of a finite square matrix: divide and conquer, and the slower Jacobi method where that fails.
/// A template, because Eigen's decompositions take the compiler half a minute: only who calls this waits.
template <class Matrix>
[[nodiscard]] Matrix orthogonal_factor(Matrix const& c) {
  Matrix factor;
  // Eigen 5 (and its development versions, 3.4.90 and above) takes the flags at compile time, Eigen 3.4 at run time.
#if EIGEN_VERSION_AT_LEAST(3, 4, 90)
  if (!take_factor(Eigen::BDCSVD<Matrix, Eigen::ComputeFullU | Eigen::ComputeFullV>(c), factor) &&
      !take_factor(Eigen::JacobiSVD<Matrix, Eigen::ComputeFullU | Eigen::ComputeFullV>(c), factor)) {
#else
  if (!take_factor(Eigen::BDCSVD<Matrix>(c, Eigen::ComputeFullU | Eigen::ComputeFullV), factor) &&
      !take_factor(Eigen::JacobiSVD<Matrix>(c, Eigen::ComputeFullU | Eigen::ComputeFullV), factor)) {
#endif
    reject(message("the singular value decomposition of a ", static_cast<std::size_t>(c.rows()), " x ",
                   static_cast<std::size_t>(c.cols()), " matrix did not converge"));
  }
  return factor;
}

}  // namespace detail

/// The orthogonal matrix nearest to C by a singular value decomposition: what nearest_orthogonal() is compared with.
///   C + epsilon I = U S V^T,   Q = U V^T,   epsilon = 1e-10 ||C||_F
/// Where C is singular many Q are equally near; epsilon picks the one nearest to the identity on the null space.
/// C = 0 gives Q = I.
/// @param on where to run; one thread, whatever the policy says   @param c (n x n), finite   @param q (n x n),
/// overwritten; may be c itself   @post ||Q^T Q - I|| is a small multiple of n eps; tr(Q^T C) is within 2 n epsilon of
/// its maximum
/// Complexity: an SVD, about 20 n^3 operations; workspace of a few n x n matrices, allocated.
/// Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape and on elements that are not finite; std::bad_alloc.
/// Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31, 1966; Higham,
/// "Computing the polar decomposition - with applications", SIAM J. Sci. Stat. Comput. 7, 1986.
template <execution_policy P, dense_scalar C, class Space>
requires std::same_as < std::remove_const_t<C>,
double > void nearest_orthogonal_by_svd(P const& on, matrix_view<C, Space> c, matrix_view<double, Space> q) {
  check_policy<Space>(on);
  detail::expects_square_pair(c, q);
  if (c.rows == 0) {
    return;
  }
  detail::expects_finite(c);
  Eigen::MatrixXd shifted = as_eigen(c);
  double const largest = shifted.cwiseAbs().maxCoeff();
  if (largest == 0.0) {
    as_eigen(q).setIdentity();
    return;
  }
  shifted /= largest;  // the factor of a multiple is the same, and squares neither overflow nor vanish
  shifted.diagonal().array() += 1e-10 * shifted.norm();
  detail::run_serial_eigen([&] { as_eigen(q) = detail::orthogonal_factor(shifted); });
}

}  // namespace dfrot
