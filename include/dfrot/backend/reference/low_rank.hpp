#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>

namespace dfrot::reference {

/// low_rank_rotation::apply() and apply_transpose() as the formula stands, sums in double: x <- x + ((x U) C) U^T.
template <storage T>
void low_rank_rows(policy const& /*on*/, low_rank_view<arithmetic_t<T>> const& g, matrix_view<T> x) noexcept {
  std::size_t const axes = g.axes.size;
  for (std::size_t i = 0; i < x.rows; ++i) {
    T* const row = x.row(i);
    double coefficient[largest_low_rank] = {};
    for (std::size_t k = 0; k < g.rank(); ++k) {
      for (std::size_t j = 0; k >= axes && j < x.columns; ++j) {
        coefficient[k] += static_cast<double>(load(row[j])) * static_cast<double>(g.basis(k - axes, j));
      }
      coefficient[k] = k < axes ? static_cast<double>(load(row[g.axes[k]])) : coefficient[k];
    }
    double step[largest_low_rank] = {};
    for (std::size_t k = 0; k < g.rank(); ++k) {
      for (std::size_t l = 0; l < g.rank(); ++l) {
        step[l] += coefficient[k] * static_cast<double>(g.change(k, l));
      }
    }
    for (std::size_t j = 0; j < x.columns; ++j) {
      double sum = static_cast<double>(load(row[j]));
      for (std::size_t l = axes; l < g.rank(); ++l) {
        sum += step[l] * static_cast<double>(g.basis(l - axes, j));
      }
      for (std::size_t l = 0; l < axes; ++l) {
        sum += g.axes[l] == j ? step[l] : 0;
      }
      row[j] = store<T>(static_cast<arithmetic_t<T>>(sum));
    }
  }
}

/// short_rotation::apply(): G, then the signs and H / sqrt(n). Rows of half and bfloat16 stay in float in between.
/// @param workspace a row for half and bfloat16
template <storage T>
void short_rotation_rows(policy const& on, low_rank_view<arithmetic_t<T>> const& g, hadamard_order const& order,
                         vector_view<std::int8_t const> signs, matrix_view<T> x,
                         vector_view<arithmetic_t<T>> workspace) noexcept {
  using Real = arithmetic_t<T>;
  if constexpr (std::is_same_v<T, Real>) {
    low_rank_rows(on, g, x);
    hadamard_rows(on, order, signs, x, workspace);
  } else {
    matrix_view<Real> const row(workspace.data, 1, x.columns);
    for (std::size_t i = 0; i < x.rows; ++i) {
      std::transform(x.row(i), x.row(i) + x.columns, row.data, [](T value) { return load(value); });
      short_rotation_rows(on, g, order, signs, row, {});
      std::transform(row.data, row.data + x.columns, x.row(i), [](Real value) { return store<T>(value); });
    }
  }
}

/// short_rotation::apply_transpose(): H^T / sqrt(n) and the signs, then G^T. @param g of G^T
template <storage T>
void short_rotation_transpose_rows(policy const& on, low_rank_view<arithmetic_t<T>> const& g,
                                   hadamard_order const& order, vector_view<std::int8_t const> signs, matrix_view<T> x,
                                   vector_view<arithmetic_t<T>> workspace) noexcept {
  using Real = arithmetic_t<T>;
  if constexpr (std::is_same_v<T, Real>) {
    hadamard_transpose_rows(on, order, signs, x, workspace);
    low_rank_rows(on, g, x);
  } else {
    matrix_view<Real> const row(workspace.data, 1, x.columns);
    for (std::size_t i = 0; i < x.rows; ++i) {
      std::transform(x.row(i), x.row(i) + x.columns, row.data, [](T value) { return load(value); });
      short_rotation_transpose_rows(on, g, order, signs, row, {});
      std::transform(row.data, row.data + x.columns, x.row(i), [](Real value) { return store<T>(value); });
    }
  }
}

}  // namespace dfrot::reference
