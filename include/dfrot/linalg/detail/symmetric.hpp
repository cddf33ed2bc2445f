#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/tridiagonal.hpp>

// Symmetric matrices, of which the lower triangle is computed. Internal to linalg.
namespace dfrot::detail {

inline constexpr std::size_t gram_panel = 256;

/// The lower triangle of C <- beta C + alpha A A^T or, with Transposed, A^T A. Half of a product's operations.
/// Some elements above the diagonal of c are overwritten, too.
template <bool Transposed, execution_policy P, class T>
void symmetric_product(P const& on, T alpha, matrix_view<T const> a, T beta, matrix_view<T> c) {
  std::size_t const panels = blocks_of(c.rows, gram_panel);
  std::size_t const depth = Transposed ? a.rows : a.columns;
  auto const add = [&](std::size_t row, std::size_t rows, std::size_t column, std::size_t columns) {
    auto const block = block_of(c, row, column, rows, columns);
    for (std::size_t first = 0; first < depth; first += short_sum) {
      std::size_t const count = std::min(short_sum, depth - first);
      T const kept = first == 0 ? beta : T(1);
      if constexpr (Transposed) {
        dense_product(on, alpha, transposed(block_of(a, first, row, count, rows)),
                      as_is(block_of(a, first, column, count, columns)), kept, block);
      } else {
        dense_product(on, alpha, as_is(block_of(a, row, first, rows, count)),
                      transposed(block_of(a, column, first, columns, count)), kept, block);
      }
    }
  };
  parallel_products(on, panels, [&](std::size_t i) {
    std::size_t const row = (panels - 1 - i) * gram_panel;  // the longest panels first
    std::size_t const rows = std::min(gram_panel, c.rows - row);
    std::size_t const upper = std::min(gram_panel / 2, rows);
    if (row > 0) {
      add(row, rows, 0, row);
    }
    add(row, upper, row, upper);
    if (rows > upper) {
      add(row + upper, rows - upper, row, rows);
    }
  });
}

/// Copies the lower triangle above the diagonal.
template <class T>
void mirror_lower(int threads, matrix_view<T> c) {
  constexpr std::size_t block = 64;
  std::size_t const count = blocks_of(c.rows, block);
  parallel_for(threads, count, [&](std::size_t i) {
    std::size_t const row = i * block;
    std::size_t const rows = std::min(block, c.rows - row);
    for (std::size_t column = 0; column < row; column += block) {
      as_eigen(block_of(c, column, row, block, rows)) = as_eigen(block_of(c, row, column, rows, block)).transpose();
    }
    auto square = as_eigen(block_of(c, row, row, rows, rows));
    for (Eigen::Index r = 0; r < square.rows(); ++r) {
      for (Eigen::Index k = 0; k < r; ++k) {
        square(k, r) = square(r, k);
      }
    }
  });
}

/// An estimate of the largest eigenvalue of a symmetric matrix, from below, by Lanczos' method from a fixed random start.
/// Where eigenvalues crowd at the end of the spectrum, its error is about 1 / iterations^2 of the spectrum's width.
/// @param n order, at least 1   @param iterations each one application   @param apply v <- A v
/// Source: Kuczyński, Woźniakowski, "Estimating the largest eigenvalue by the power and Lanczos algorithms with a random
/// start", SIAM J. Matrix Anal. Appl. 13, 1992.
template <class T, class Apply>
[[nodiscard]] double largest_eigenvalue(std::size_t n, int iterations, Apply const& apply) {
  using vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  vector v(static_cast<Eigen::Index>(n));
  for (std::size_t i = 0; i < n; ++i) {
    v[static_cast<Eigen::Index>(i)] = static_cast<T>(start_value(i));
  }
  v /= v.norm();
  vector previous = vector::Zero(v.size());
  vector next;
  std::vector<double> diagonal;
  std::vector<double> beside;
  for (int k = 0; k < iterations; ++k) {
    next = v;
    apply(next);
    T const along = v.dot(next);
    next -= along * v + static_cast<T>(beside.empty() ? 0.0 : beside.back()) * previous;
    T const rest = next.norm();
    diagonal.push_back(static_cast<double>(along));
    beside.push_back(static_cast<double>(rest));
    if (!(rest > std::numeric_limits<T>::epsilon() * std::abs(along))) {
      break;  // an invariant subspace: its eigenvalues are exact
    }
    previous.swap(v);
    v = next / rest;
  }
  beside.back() = 0;
  return largest_of_tridiagonal(diagonal, beside);
}

/// v <- C v for a square matrix.
/// Determinism: bitwise for any number of threads.
template <class T>
void multiply_vector(int threads, matrix_view<T const> c, Eigen::Matrix<T, Eigen::Dynamic, 1>& v) {
  constexpr std::size_t block = 256;
  Eigen::Matrix<T, Eigen::Dynamic, 1> result(v.size());
  parallel_for(threads, blocks_of(c.rows, block), [&](std::size_t i) {
    std::size_t const rows = std::min(block, c.rows - i * block);
    result.segment(static_cast<Eigen::Index>(i * block), static_cast<Eigen::Index>(rows)).noalias() =
        as_eigen(c.row_block(i * block, rows)) * v;
  });
  v.swap(result);
}

}  // namespace dfrot::detail
