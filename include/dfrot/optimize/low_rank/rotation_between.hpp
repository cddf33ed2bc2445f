#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/transform/low_rank_compose.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>

namespace dfrot {

namespace detail {

/// The channels in which rows have their largest magnitudes, each once.
[[nodiscard]] inline std::vector<std::size_t> peak_channels(matrix_view<double const> rows) {
  std::vector<std::size_t> channels;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    auto const* const peak = std::max_element(rows.row(i), rows.row(i) + rows.columns,
                                              [](double a, double b) { return std::fabs(a) < std::fabs(b); });
    auto const channel = static_cast<std::size_t>(peak - rows.row(i));
    if (std::find(channels.begin(), channels.end(), channel) == channels.end()) {
      channels.push_back(channel);
    }
  }
  return channels;
}

/// Coordinates of rows in the space of channels and orthonormal basis rows, channels first.
[[nodiscard]] inline matrix<double> coordinates(matrix_view<double const> rows, std::vector<std::size_t> const& axes,
                                                matrix<double> const& basis) {
  matrix<double> result(rows.rows, axes.size() + basis.rows());
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t k = 0; k < axes.size(); ++k) {
      result(i, k) = rows(i, axes[k]);
    }
    for (std::size_t k = 0; k < basis.rows(); ++k) {
      result(i, axes.size() + k) = dot(rows.row(i), &basis(k, 0), rows.columns);
    }
  }
  return result;
}

}  // namespace detail

/// Builds a rotation of low rank that maps a few given rows to a few others: P G = T.
/// Only T - P has to lie in the space that turns: outside of it, P and T agree. So one row takes a plane. Its second direction is
/// free: here it is the channel of the row's peak, which costs nothing (low_rank_rotation). In that space, the core S is the
/// orthogonal matrix that maps the coordinates of P to those of T. Where they leave S open, it is nearest to the identity (polar
/// factor of P^T T).
/// @param on where to run   @param from P (p x n)   @param to T (p x n)
/// @pre P P^T = T T^T, up to rounding: otherwise P G is only the nearest to T
/// @post rank <= 2 p; 0 where P = T; P G = T to 1e-9 of a row's length
/// Complexity: O(n p^2).   Throws: std::invalid_argument on shapes; std::bad_alloc.
template <execution_policy P>
[[nodiscard]] low_rank_rotation rotation_between(P const& on, matrix_view<double const> from,
                                                 matrix_view<double const> to) {
  std::size_t const n = from.columns;
  check_shape("the targets", to, from.rows, n);
  matrix<double> difference(from.rows, n);
  double largest = 0;
  for (std::size_t i = 0; i < from.rows; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      difference(i, j) = to(i, j) - from(i, j);
      largest = std::max(largest, std::fabs(difference(i, j)));
    }
  }
  if (!(largest > 0)) {
    return low_rank_rotation(n);
  }
  std::vector<std::size_t> axes = detail::peak_channels(from);
  matrix<double> basis = orthonormal_rows(std::move(difference), axes);
  matrix<double> const p = detail::coordinates(from, axes, basis);
  matrix<double> const t = detail::coordinates(to, axes, basis);
  std::size_t const r = p.columns();
  matrix<double> product(r, r);
  for (std::size_t i = 0; i < p.rows(); ++i) {
    for (std::size_t k = 0; k < r; ++k) {
      for (std::size_t l = 0; l < r; ++l) {
        product(k, l) += p(i, k) * t(i, l);
      }
    }
  }
  nearest_orthogonal(on, std::as_const(product).view(), product.view());
  return {n, std::move(axes), std::move(basis), std::move(product)};
}

}  // namespace dfrot
