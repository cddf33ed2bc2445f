#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>
#include <dfrot/transform/short_rotation.hpp>

namespace dfrot {

namespace detail {

[[nodiscard]] DFROT_PER_ISA inline double dot(double const* a, double const* b, std::size_t count) {
  double sum = 0;
  for (std::size_t j = 0; j < count; ++j) {
    sum += a[j] * b[j];
  }
  return sum;
}

}  // namespace detail

/// Orthonormal rows that span the same space as given rows, outside of some channels: Gram-Schmidt, every row twice.
/// @param rows (m x n)   @param axes channels that the space leaves out: they become 0
/// @param tolerance a row is left out if less than this share of its length is new
/// @return (d x n), d <= m   Complexity: O(m d n).   Determinism: exact; the order of the rows matters.
/// Source: Giraud, Langou, Rozloznik, "On the round-off error analysis of the Gram-Schmidt algorithm with
/// reorthogonalization", 2002 ("twice is enough").
[[nodiscard]] DFROT_PER_ISA inline matrix<double> orthonormal_rows(matrix<double> rows,
                                                                   std::vector<std::size_t> const& axes,
                                                                   double tolerance = 1e-10) {
  std::size_t const n = rows.columns();
  std::size_t count = 0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    double* const row = &rows(i, 0);
    double const length = std::sqrt(detail::dot(row, row, n));
    for (std::size_t const axis : axes) {
      row[axis] = 0;
    }
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t k = 0; k < count; ++k) {
        double const product = detail::dot(row, &rows(k, 0), n);
        std::transform(row, row + n, &rows(k, 0), row, [product](double a, double b) { return a - product * b; });
      }
    }
    double const left = std::sqrt(detail::dot(row, row, n));
    if (left > tolerance * length) {
      std::transform(row, row + n, &rows(count, 0), [left](double a) { return a / left; });
      ++count;
    }
  }
  matrix<double> result(count, n);
  std::copy_n(rows.data(), count * n, result.data());
  return result;
}

/// One rotation after another, as one: x compose(first, second) = (x first) second, in the space that both turn.
///   U = orthonormal basis of (U_1, U_2),   S = (U^T G_1 U) (U^T G_2 U)
/// @pre the ranks sum to at most largest_low_rank   @post rank() <= first.rank() + second.rank()
/// Complexity: O(n r^2).   Throws: std::invalid_argument on sizes and rank; std::bad_alloc.
[[nodiscard]] DFROT_PER_ISA inline low_rank_rotation compose(low_rank_rotation const& first,
                                                             low_rank_rotation const& second) {
  std::size_t const n = first.size();
  expects(second.size() == n, "composing low-rank rotations of ", n, " and ", second.size(), " channels");
  std::vector<std::size_t> axes = first.axes();
  for (std::size_t const axis : second.axes()) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) {
      axes.push_back(axis);
    }
  }
  std::size_t const dense = first.basis().rows + second.basis().rows;
  matrix<double> rows(dense, n);
  for (std::size_t k = 0; k < dense; ++k) {
    bool const of_first = k < first.basis().rows;
    std::copy_n(of_first ? first.basis().row(k) : second.basis().row(k - first.basis().rows), n, &rows(k, 0));
  }
  matrix<double> basis = orthonormal_rows(std::move(rows), axes);
  std::size_t const r = axes.size() + basis.rows();
  auto const direction = [&](std::size_t k, std::size_t i) {
    return k < axes.size() ? (axes[k] == i ? 1.0 : 0.0) : basis(k - axes.size(), i);
  };
  // U^T G U = I + (U^T U_1) (S_1 - I) (U_1^T U)
  auto const inside = [&](low_rank_rotation const& g) {
    matrix<double> overlap(r, g.rank());
    for (std::size_t k = 0; k < r; ++k) {
      for (std::size_t l = 0; l < g.rank(); ++l) {
        for (std::size_t i = 0; i < n; ++i) {
          overlap(k, l) += direction(k, i) * g.column(l, i);
        }
      }
    }
    auto const change = g.view().of<double>().change;
    matrix<double> result(r, r);
    for (std::size_t k = 0; k < r; ++k) {
      for (std::size_t m = 0; m < r; ++m) {
        result(k, m) = k == m ? 1 : 0;
        for (std::size_t l = 0; l < g.rank() * g.rank(); ++l) {
          result(k, m) += overlap(k, l / g.rank()) * change(l / g.rank(), l % g.rank()) * overlap(m, l % g.rank());
        }
      }
    }
    return result;
  };
  matrix<double> const one = inside(first);
  matrix<double> const other = inside(second);
  matrix<double> turn(r, r);
  for (std::size_t k = 0; k < r; ++k) {
    for (std::size_t m = 0; m < r; ++m) {
      for (std::size_t l = 0; l < r; ++l) {
        turn(k, m) += one(k, l) * other(l, m);
      }
    }
  }
  return {n, std::move(axes), std::move(basis), std::move(turn)};
}

/// A short rotation with another low-rank rotation before it: x compose(g, R) = (x g) R, that is R' = g G R_0.
/// Complexity and errors as above.
[[nodiscard]] DFROT_PER_ISA inline short_rotation compose(low_rank_rotation const& first,
                                                          short_rotation const& second) {
  return {second.hadamard_part(), compose(first, second.low_rank_part())};
}

}  // namespace dfrot
