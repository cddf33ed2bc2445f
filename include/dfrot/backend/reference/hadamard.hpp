#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/transform_rows.hpp>
#include <dfrot/config.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/signs.hpp>

namespace dfrot::reference {

namespace detail {

/// The Walsh-Hadamard matrix of order `count` = 2^m on one run of values: H_{2h} = [H_h H_h; H_h -H_h], from h = 1 up.
template <class T>
DFROT_PER_ISA void walsh_hadamard(T* values, std::size_t count) {
  for (std::size_t half_size = 1; half_size < count; half_size *= 2) {
    for (std::size_t first = 0; first < count; first += 2 * half_size) {
      T* const upper = values + first;
      T* const lower = upper + half_size;
      for (std::size_t i = 0; i < half_size; ++i) {
        T const sum = upper[i] + lower[i];
        lower[i] = upper[i] - lower[i];
        upper[i] = sum;
      }
    }
  }
}

/// The base matrix H_K, or its transpose, across the K runs of 2^m values, and the division by sqrt(n):
///   forward:   values[c][d] <- scale sum_a values[a][d] H_K(a, c)
///   transpose: values[a][d] <- scale sum_c values[c][d] H_K(a, c)
/// Sums are taken in double: K terms one after the other would cost float a digit.
template <class T>
DFROT_PER_ISA void base_matrix(hadamard_order const& order, bool transpose, T* values) {
  std::size_t const base = order.base();
  std::size_t const rest = order.rest();
  T const scale = hadamard_scale<T>(order);
  T column[largest_hadamard_base];
  for (std::size_t d = 0; d < rest; ++d) {
    for (std::size_t a = 0; a < base; ++a) {
      column[a] = values[a * rest + d];
    }
    for (std::size_t c = 0; c < base; ++c) {
      double sum = 0;
      for (std::size_t a = 0; a < base; ++a) {
        int const sign = transpose ? order.base_row(c)[a] : order.base_row(a)[c];
        sum += sign * static_cast<double>(column[a]);
      }
      values[c * rest + d] = static_cast<T>(sum) * scale;
    }
  }
}

}  // namespace detail

/// Signs.
template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, signs_view<> const& view, Real* row, Real* /*scratch*/) {
  std::transform(row, row + view.size(), view.signs.data, row,
                 [](Real x, int sign) { return x * static_cast<Real>(sign); });
}

/// A Hadamard transform of each run of a row as the formula stands.
template <class Real>
DFROT_PER_ISA void transform_row(policy const& /*on*/, hadamard_view const& h, Real* row, Real* /*scratch*/) {
  hadamard_order const& order = *h.order;
  for (Real* run = row; run < row + h.columns; run += order.size()) {
    for (std::size_t a = 0; a < order.base(); ++a) {
      detail::walsh_hadamard(run + a * order.rest(), order.rest());
    }
    detail::base_matrix(order, h.transpose, run);
  }
}

}  // namespace dfrot::reference
