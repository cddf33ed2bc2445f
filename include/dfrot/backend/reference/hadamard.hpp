#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::reference {

namespace detail {

/// The Walsh-Hadamard matrix of order `count` = 2^m on one run of values: H_{2h} = [H_h H_h; H_h -H_h], from h = 1 up.
template <class T>
DFROT_PER_ISA void walsh_hadamard(T* values, std::size_t count) {
  for (std::size_t half_size = 1; half_size < count; half_size *= 2) {
    for (std::size_t first = 0; first < count; first += 2 * half_size) {
      for (std::size_t i = first; i < first + half_size; ++i) {
        T const upper = values[i];
        T const lower = values[i + half_size];
        values[i] = upper + lower;
        values[i + half_size] = upper - lower;
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

/// x <- (x . s) H / sqrt(n), or x <- (x H^T / sqrt(n)) . s, for each run of n columns; no signs means s = 1.
template <class T>
DFROT_PER_ISA void hadamard_on_rows(hadamard_order const& order, bool transpose, vector_view<std::int8_t const> signs,
                                    matrix_view<T> x, arithmetic_t<T>* workspace) {
  std::size_t const n = order.size();
  auto const sign = [signs](std::size_t i) { return static_cast<arithmetic_t<T>>(signs.size == 0 ? 1 : signs[i]); };
  for (std::size_t row = 0; row < x.rows; ++row) {
    for (T* run = x.row(row); run < x.row(row) + x.columns; run += n) {
      arithmetic_t<T>* values = workspace;
      if constexpr (std::is_same_v<T, arithmetic_t<T>>) {
        values = run;
      }
      for (std::size_t i = 0; i < n; ++i) {
        values[i] = transpose ? load(run[i]) : load(run[i]) * sign(i);
      }
      for (std::size_t a = 0; a < order.base(); ++a) {
        walsh_hadamard(values + a * order.rest(), order.rest());
      }
      base_matrix(order, transpose, values);
      for (std::size_t i = 0; i < n; ++i) {
        run[i] = store<T>(transpose ? values[i] * sign(i) : values[i]);
      }
    }
  }
}

}  // namespace detail

/// hadamard() and randomized_hadamard::apply() as the formula stands.
/// @param signs n signs that multiply each row first, or an empty view   @param workspace a row for half and bfloat16
template <storage T>
void hadamard_rows(policy const& /*on*/, hadamard_order const& order, vector_view<std::int8_t const> signs,
                   matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(order, false, signs, x, workspace.data);
}

/// hadamard_transpose() and randomized_hadamard::apply_transpose() as the formula stands; the signs come last.
template <storage T>
void hadamard_transpose_rows(policy const& /*on*/, hadamard_order const& order, vector_view<std::int8_t const> signs,
                             matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(order, true, signs, x, workspace.data);
}

}  // namespace dfrot::reference
