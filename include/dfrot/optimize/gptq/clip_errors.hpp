#pragma once

#include <cmath>
#include <cstddef>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>

// What a search for clip ratios makes small: error(on, e, first, sums) measures each row of e, the errors of the group that begins at
// column `first`, on the thread that calls.
namespace dfrot::detail {

/// sum |e_j|^p for each row of a group.
struct power_error {
  double power;

  template <class P, class T>
  void operator()(P const& /*on*/, matrix_view<T const> e, std::size_t /*first*/, double* sums) const {
    for (std::size_t i = 0; i < e.rows; ++i) {
      sums[i] = 0;
      for (std::size_t j = 0; j < e.columns; ++j) {
        double const size = std::abs(static_cast<double>(e(i, j)));
        sums[i] += power == 2 ? size * size : std::pow(size, power);
      }
    }
  }
};

/// sum h_j e_j^2.
template <class T>
struct diagonal_error {
  vector_view<T const> h;

  template <class P>
  void operator()(P const& /*on*/, matrix_view<T const> e, std::size_t first, double* sums) const {
    for (std::size_t i = 0; i < e.rows; ++i) {
      sums[i] = 0;
      for (std::size_t j = 0; j < e.columns; ++j) {
        double const size = static_cast<double>(e(i, j));
        sums[i] += static_cast<double>(h[first + j]) * size * size;
      }
    }
  }
};

/// e H e^T with the part of H that belongs to the group.
template <class T>
struct gram_error {
  matrix_view<T const> h;

  template <class P>
  void operator()(P const& on, matrix_view<T const> e, std::size_t first, double* sums) const {
    matrix<T> product(e.rows, e.columns);
    dense_product(on, T(1), as_is(e), as_is(block_of(h, first, first, e.columns, e.columns)), T(0), product.view());
    for (std::size_t i = 0; i < e.rows; ++i) {
      sums[i] = 0;
      for (std::size_t j = 0; j < e.columns; ++j) {
        sums[i] += static_cast<double>(product(i, j)) * static_cast<double>(e(i, j));
      }
    }
  }
};

}  // namespace dfrot::detail
