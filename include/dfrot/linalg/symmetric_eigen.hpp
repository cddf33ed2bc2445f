#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/detail/serial_eigen.hpp>

// As in eigen_core.hpp.
#pragma push_macro("I")
#pragma push_macro("_res")
#undef I
#undef _res
#include <Eigen/Eigenvalues>
#pragma pop_macro("_res")
#pragma pop_macro("I")

namespace dfrot {

/// Decomposes a small symmetric matrix:   A = U diag(l) U^T,   l ascending
/// On the thread that calls, for matrices of some hundreds: blocks of channels.
/// @param a (n x n) symmetric, finite; the lower triangle is read   @param vectors U (n x n), eigenvectors as columns   @param values l (n)
/// Complexity: about 9 n^3 operations; workspace allocated.   Determinism: bitwise; another instruction set rounds otherwise.
/// Throws: std::invalid_argument on shape, or for elements that are not finite; std::bad_alloc.
/// Source: Golub, Van Loan, "Matrix computations", section 8.3 (Eigen's SelfAdjointEigenSolver).
/// A template so that Eigen's solver is compiled where it is called, not wherever this is included.
template <std::same_as<double> T>
void symmetric_eigen(matrix_view<std::type_identity_t<T> const> a, matrix_view<T> vectors,
                     vector_view<std::type_identity_t<T>> values) {
  std::size_t const n = a.rows;
  check_shape("a symmetric matrix", a, n, n);
  check_shape("eigenvectors", vectors, n, n);
  expects(values.size == n, "room for ", values.size, " eigenvalues of ", n);
  std::size_t const bad_row = first_non_finite_row(a);
  expects(bad_row == all_finite, "row ", bad_row, " of a symmetric matrix is not finite");
  if (n == 0) {
    return;
  }
  detail::run_serial_eigen([&] {
    Eigen::SelfAdjointEigenSolver<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>> const solver(as_eigen(a));
    expects(solver.info() == Eigen::Success, "the eigenvalues of a ", n, " x ", n, " matrix do not converge");
    as_eigen(vectors) = solver.eigenvectors();
    for (std::size_t i = 0; i < n; ++i) {
      values[i] = solver.eigenvalues()[static_cast<Eigen::Index>(i)];
    }
  });
}

}  // namespace dfrot
