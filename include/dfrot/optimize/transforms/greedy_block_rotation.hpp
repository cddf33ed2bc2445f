#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/optimize/transforms/token_copy.hpp>
#include <dfrot/transform/check_orthogonal.hpp>

namespace dfrot {

/// What a greedy search found.
struct greedy_rotation {
  matrix<double> block;   ///< R (B x B), for a block_rotation
  std::size_t steps = 0;  ///< turns of which it consists
  double first_peak = 0;  ///< max |x| before
  double peak = 0;        ///< max |x (I (x) R)|
};

namespace detail {

/// The largest magnitude of some rows, and the place of its first occurrence in its block.
struct matrix_peak {
  double size = 0;
  std::size_t column = 0;
};
template <class Real>
[[nodiscard]] matrix_peak peak_of_blocks(matrix<Real> const& y, std::size_t block) {
  matrix_peak peak;
  for (std::size_t i = 0; i < y.rows() * y.columns(); ++i) {
    double const size = std::abs(static_cast<double>(y.data()[i]));
    if (size > peak.size) {
      peak = {size, i % block};
    }
  }
  return peak;
}

/// E M E, in which E exchanges indices 0 and c.
[[nodiscard]] inline matrix<double> with_exchanged(matrix_view<double const> m, std::size_t c) {
  matrix<double> result(m.rows, m.columns);
  auto const other = [c](std::size_t i) { return i == 0 ? c : (i == c ? 0 : i); };
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (std::size_t j = 0; j < m.columns; ++j) {
      result(i, j) = m(other(i), other(j));
    }
  }
  return result;
}

/// The values of a matrix as blocks, one a row.
template <class T>
[[nodiscard]] matrix_view<T> as_blocks(matrix<T>& x, std::size_t block) {
  return {x.data(), x.rows() * (x.columns() / block), block};
}

}  // namespace detail

/// Finds one orthogonal matrix for all blocks of channels that lowers the largest magnitude of some tokens, turn by turn. Each turn
/// spreads the channel of the largest magnitude over its block:
///   X <- X E M E,   E exchanges channel 0 of a block and the one with the largest |x|
/// Keeps the turns up to the smallest largest magnitude, the fewest of equals; none if no turn lowers it.
/// @param on where to run (host)   @param x calibration tokens (m x n), not changed
/// @param base M (B x B), orthogonal, whose first row is flat: flat_row_rotation() (DuQuant), or a Hadamard matrix by to_dense()
/// @param steps turns to try   @post the peak is never above the first one   @return the identity for no tokens, or zeros alone
/// Precision: tokens in their arithmetic type, the rotation in double.
/// Complexity: 2 m n B operations a step; workspace of 2 m n values.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument unless B divides n, for a base that is not orthogonal, a value that is not finite; std::bad_alloc.
/// Source: Lin et al. (DuQuant), arXiv 2406.01721, section 3. (Their code takes the row of the largest value where the paper has its
/// column, and the mean of all sequences in the place of tokens; this does not.)
template <execution_policy P, storage T>
[[nodiscard]] greedy_rotation greedy_block_rotation(P const& on, matrix_view<T> x, matrix_view<double const> base,
                                                    std::size_t steps = 256) {
  using Real = arithmetic_t<T>;
  using Value = std::remove_const_t<T>;
  check_policy<host_space>(on);
  std::size_t const b = base.rows;
  detail::check_orthogonal("the base of a greedy rotation", base);
  expects(b != 0 && x.columns % b == 0, "blocks of ", b, " channels in ", x.columns,
          ": a row must be a whole number of blocks");
  check_stride("calibration tokens", x);
  matrix_view<Value const> const read = x;
  reject_non_finite(read, first_non_finite_row(read));

  auto y = detail::token_copy<Real>(read);
  matrix<Real> turned(x.rows, x.columns);
  matrix<Real> turn(b, b);
  matrix<double> rotation(b, b);
  for (std::size_t i = 0; i < b; ++i) {
    rotation(i, i) = 1;
  }
  auto peak = detail::peak_of_blocks(y, b);
  greedy_rotation result{rotation, 0, peak.size, peak.size};
  matrix<double> product(b, b);
  for (std::size_t step = 1; step <= steps && peak.size > 0; ++step) {
    auto const exact = detail::with_exchanged(base, peak.column);
    std::transform(exact.data(), exact.data() + b * b, turn.data(),
                   [](double value) { return static_cast<Real>(value); });
    dense_product(on, Real(1), as_is(detail::as_blocks(y, b)), as_is(turn.view()), Real(0),
                  detail::as_blocks(turned, b));
    std::swap(y, turned);
    dense_product(on, 1.0, as_is(rotation.view()), as_is(exact.view()), 0.0, product.view());
    std::swap(rotation, product);
    peak = detail::peak_of_blocks(y, b);
    if (peak.size < result.peak) {
      result.block = rotation;
      result.steps = step;
      result.peak = peak.size;
    }
  }
  return result;
}

}  // namespace dfrot
