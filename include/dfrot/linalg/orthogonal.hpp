#pragma once

#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/linalg/serial_eigen.hpp>

namespace dfrot {

namespace detail {

/// Fills values with independent N(0, 1) numbers; number i of the stream stands at values[i], whatever the threads.
inline void fill_gaussian(int threads, vector_view<double> values, std::uint64_t seed, random_stream stream) {
  constexpr std::size_t chunk = 4096;
  parallel_for(threads, blocks_of(values.size, chunk), [&](std::size_t part) {
    std::size_t const end = std::min(values.size, (part + 1) * chunk);
    for (std::size_t i = part * chunk; i < end; i += 4) {
      gaussian_values const four = gaussian_block(seed, stream, i / 4);
      std::copy_n(four.value, std::min<std::size_t>(4, end - i), values.data + i);
    }
  });
}

/// The orthogonal factor of A = Q R with the signs that make it unique: Q diag(sign(diag R)).
/// Without the signs a Householder QR of a Gaussian matrix is orthogonal, but not uniformly distributed.
/// A template, because it takes the compiler long: only who calls it waits.
template <class Matrix>
[[nodiscard]] Matrix sign_corrected_factor(Matrix const& a) {
  Eigen::HouseholderQR<Matrix> const decomposition(a);
  Matrix q = decomposition.householderQ() * Matrix::Identity(a.rows(), a.cols());
  for (Eigen::Index j = 0; j < q.cols(); ++j) {
    if (decomposition.matrixQR()(j, j) < 0.0) {
      q.col(j) = -q.col(j);
    }
  }
  return q;
}

}  // namespace detail

/// A random orthogonal matrix, uniformly distributed over all of them (Haar measure on O(n)).
///   A_ij ~ N(0, 1) independent,   A = Q R,   result = Q diag(sign(diag R))
/// Computed in float64 for every T, then rounded: float and double results of one seed are the same rotation.
/// @param on where to run   @param n order, at least 1   @param seed which matrix
/// @post ||R^T R - I||_F / sqrt(n) below 1e-14 sqrt(n) for double, 1e-7 for float; the determinant is 1 or -1, each
/// with probability one half
/// Complexity: 8/3 n^3 operations on one thread, 3 n^2 doubles of memory.
/// Determinism: bitwise for any number of threads; another instruction set may round otherwise.
/// Throws: std::invalid_argument for n = 0; std::bad_alloc.
/// Source: Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54, 2007.
template <dense_scalar T, execution_policy P>
[[nodiscard]] matrix<T> random_orthogonal(P const& on, std::size_t n, std::uint64_t seed) {
  assert_space<P, host_space>();
  expects(n >= 1, "an orthogonal matrix has at least one row, not ", n);
  matrix<T> result(n, n);
  auto const order = static_cast<Eigen::Index>(n);
  Eigen::MatrixXd gaussian(order, order);
  detail::fill_gaussian(threads_of(on), {gaussian.data(), n * n}, seed, random_stream::orthogonal);
  detail::run_serial_eigen(
      [&] { as_eigen(result.view()) = detail::sign_corrected_factor(gaussian).template cast<T>(); });
  return result;
}

}  // namespace dfrot
