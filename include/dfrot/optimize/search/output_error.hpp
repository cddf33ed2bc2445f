#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <type_traits>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/optimize/gptq/clip_errors.hpp>

// What searches make small: the squared error of a layer's output. The first is for activations that stay exact, and needs their Gram
// matrix alone; the second is for activations that are rounded, too, and needs a sample of them.

namespace dfrot {

namespace detail {

/// A matrix with the values of a view.
template <class To, class From>
[[nodiscard]] matrix<To> copy_as(matrix_view<From> from) {
  matrix<To> to(from.rows, from.columns);
  for (std::size_t i = 0; i < from.rows; ++i) {
    std::transform(from.row(i), from.row(i) + from.columns, to.data() + i * from.columns,
                   [](auto value) { return static_cast<To>(load(value)); });
  }
  return to;
}

}  // namespace detail

/// The squared error of a layer's output by errors of its weight:   ||X E^T||^2 = tr(E H E^T),   H = X^T X
/// @param on where to run (host)   @param e (o x n), W less what its codes stand for   @param h (n x n) symmetric, as gram_sums gives
/// Complexity: 2 o n^2 operations; workspace of o n values.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape; std::bad_alloc.   Source: Frantar et al. (GPTQ), arXiv 2210.17323, equation 1.
template <execution_policy P, dense_scalar T, dense_scalar H>
requires std::is_same_v<std::remove_const_t<T>, std::remove_const_t<H>>
[[nodiscard]] double weight_output_error(P const& on, matrix_view<T> e, matrix_view<H> h) {
  using Value = std::remove_const_t<T>;
  check_policy<host_space>(on);
  check_stride("errors of weights", e);
  check_shape("H", h, e.columns, e.columns);
  std::vector<double> rows(e.rows);
  detail::gram_error<Value>{h}(on, matrix_view<Value const>(e), 0, rows.data());
  return std::accumulate(rows.begin(), rows.end(), 0.0);
}

/// The squared error of a layer's output on a sample:   ||X W^T - X' W'^T||^2
/// @param on where to run (host)   @param x (m x n) tokens, w (o x n)   @param x_now, w_now what stands for them
/// Precision: products in the type of the elements, the sum in double.
/// Complexity: 4 m o n operations; workspace of m o values.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape; std::bad_alloc.
template <execution_policy P, dense_scalar T>
[[nodiscard]] double sample_output_error(P const& on, matrix_view<T const> x, matrix_view<T const> w,
                                         matrix_view<T const> x_now, matrix_view<T const> w_now) {
  check_policy<host_space>(on);
  check_stride("tokens", x);
  check_shape("the weight", w, w.rows, x.columns);
  check_shape("quantized tokens", x_now, x.rows, x.columns);
  check_shape("the quantized weight", w_now, w.rows, w.columns);
  matrix<T> y(x.rows, w.rows);
  dense_product(on, T(1), as_is(x), transposed(w), T(0), y.view());
  dense_product(on, T(-1), as_is(x_now), transposed(w_now), T(1), y.view());
  return std::inner_product(y.data(), y.data() + x.rows * w.rows, y.data(), 0.0, std::plus<>(),
                            [](T a, T b) { return static_cast<double>(a) * static_cast<double>(b); });
}

}  // namespace dfrot
