#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cholesky.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/symmetric_eigen.hpp>
#include <dfrot/optimize/transforms/token_copy.hpp>
#include <dfrot/transform/block_linear.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot {

namespace detail {

/// The Gram matrix of the columns of a block, plus damping times the mean of its diagonal; I for a block of zeros.
template <class P>
[[nodiscard]] matrix<double> block_gram(P const& on, matrix_view<double const> x, double damping) {
  std::size_t const count = x.columns;
  matrix<double> gram(count, count);
  dense_product(on, 1.0, transposed(x), as_is(x), 0.0, gram.view());
  double mean = 0;
  for (std::size_t j = 0; j < count; ++j) {
    mean += gram(j, j) / static_cast<double>(count);
  }
  for (std::size_t j = 0; j < count; ++j) {
    gram(j, j) += mean > 0 ? damping * mean : 1;
  }
  return gram;
}

template <class P, class A, class B>
[[nodiscard]] matrix<double> product_of(P const& on, A const& a, B const& b) {
  matrix<double> c(a.rows(), b.columns());
  dense_product(on, 1.0, a, b, 0.0, c.view());
  return c;
}

/// T and T^-t of one block, written to the rows of two matrices.
template <class P>
void wush_block(P const& on, matrix<double> const& x_gram, matrix<double> weight_factor, matrix_view<double const> h,
                matrix_view<double> out, matrix_view<double> out_inverse_transpose) {
  std::size_t const b = h.rows;
  cholesky_factor<double>(weight_factor.view()).factor(on);  // G_W = A A^t
  for (std::size_t i = 0; i < b; ++i) {
    for (std::size_t j = i + 1; j < b; ++j) {
      weight_factor(i, j) = 0;
    }
  }
  auto const a = as_is(std::as_const(weight_factor).view());
  auto const gram_a = product_of(on, as_is(x_gram.view()), a);
  auto const middle = product_of(on, transposed(std::as_const(weight_factor).view()), as_is(gram_a.view()));
  matrix<double> u(b, b);
  std::vector<double> squares(b);
  symmetric_eigen(middle.view(), u.view(), vector_view<double>(squares.data(), b));  // A^t G_X A = U S^2 U^t
  expects(squares[0] > 0, "wush: a block of singular tokens and weights: choose a larger damping");
  auto inverse_u = u;
  for (std::size_t k = 0; k < b; ++k) {
    double const s = std::sqrt(squares[k]);
    for (std::size_t i = 0; i < b; ++i) {
      u(i, k) /= std::sqrt(s);              // U S^(-1/2)
      inverse_u(i, k) /= s * std::sqrt(s);  // U S^(-3/2)
    }
  }
  auto const turned = product_of(on, a, as_is(std::as_const(u).view()));
  auto const turned_back = product_of(on, as_is(gram_a.view()), as_is(std::as_const(inverse_u).view()));
  dense_product(on, 1.0, as_is(turned.view()), transposed(h), 0.0, out);
  dense_product(on, 1.0, as_is(turned_back.view()), transposed(h), 0.0, out_inverse_transpose);
}

}  // namespace detail

/// Finds, for each block of B channels, the transform that makes the second moments of tokens and weights equal and flat (WUSH), in
/// closed form:
///   T = A U S^(-1/2) H^t,   G_W = W_b^t W_b = A A^t,   G_X = X_b^t X_b,   A^t G_X A = U S^2 U^t,   H Hadamard
/// Then T^t G_X T = T^-1 G_W T^-t = H S H^t, whose diagonal is flat: of all invertible transforms, this one has the least
/// ||X T|| ||W T^-t||, on which the error of rounding both sides depends.
/// @param on where to run (host)   @param x calibration tokens (m x n)   @param w all weights that read x, one under the other (o x n)
/// @param block B, an order with a Hadamard matrix: that of the scales, 16 to 128   @param damping share of the mean of each Gram
/// matrix's diagonal that is added to it; > 0 where there may be fewer tokens or outputs than B, or dead channels
/// @return a transform; a block without tokens, or without weights, counts as white
/// Precision: all in double; T (T^-t)^t = I is checked to 1e-5.
/// Complexity: (m + o) n B operations and 20 n B^2; 4 n B + (m + o) n doubles.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shapes, unless B divides n and is an order, for damping that is negative, a value that is not
/// finite (naming its row), or Gram matrices that stay singular; std::bad_alloc.
/// Source: Chen et al. (WUSH), arXiv 2512.00956 (from its abstract: Hadamard, second moments, closed form); the formulas are derived here.
template <execution_policy P, storage X, storage W>
[[nodiscard]] block_linear wush(P const& on, matrix_view<X> x, matrix_view<W> w, std::size_t block,
                                double damping = 0.01) {
  check_policy<host_space>(on);
  std::size_t const n = x.columns;
  expects(block != 0 && n % block == 0, "blocks of ", block, " channels in ", n,
          ": a row must be a whole number of blocks");
  check_stride("calibration tokens", x);
  check_shape("weights", w, w.rows, n);
  expects(is_finite(damping) && damping >= 0, "wush: the damping is ", damping, "; it must be at least 0");
  matrix_view<std::remove_const_t<X> const> const tokens = x;
  matrix_view<std::remove_const_t<W> const> const weights = w;
  reject_non_finite(tokens, first_non_finite_row(tokens));
  reject_non_finite(weights, first_non_finite_row(weights));
  hadamard_order const order(block);
  matrix<double> h(block, block);
  for (std::size_t i = 0; i < block; ++i) {
    for (std::size_t j = 0; j < block; ++j) {
      h(i, j) = order.sign(i, j) / std::sqrt(static_cast<double>(block));
    }
  }
  matrix<double> matrices(n, block);
  matrix<double> inverse_transposes(n, block);
  auto const exact_tokens = detail::token_copy<double>(tokens);
  auto const exact_weights = detail::token_copy<double>(weights);
  for (std::size_t first = 0; first < n; first += block) {
    detail::wush_block(on, detail::block_gram(on, detail::column_block(exact_tokens.view(), first, block), damping),
                       detail::block_gram(on, detail::column_block(exact_weights.view(), first, block), damping),
                       std::as_const(h).view(), matrices.view().row_block(first, block),
                       inverse_transposes.view().row_block(first, block));
  }
  return block_linear(std::move(matrices), std::move(inverse_transposes));
}

}  // namespace dfrot
