#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/linalg/detail/symmetric.hpp>
#include <dfrot/transform/apply.hpp>

namespace dfrot {

namespace detail {

/// x <- x^T for a square matrix, in squares of 64.
template <class T>
void transpose_in_place(int threads, matrix_view<T> x) {
  constexpr std::size_t side = 64;
  parallel_for(threads, blocks_of(x.rows, side), [&](std::size_t block) {
    std::size_t const row = block * side;
    std::size_t const row_end = std::min(row + side, x.rows);
    for (std::size_t column = 0; column <= row; column += side) {
      for (std::size_t i = row; i < row_end; ++i) {
        for (std::size_t j = column; j < std::min(column + side, i); ++j) {
          std::swap(x(i, j), x(j, i));
        }
      }
    }
  });
}

}  // namespace detail

/// The Gram matrix of tokens that go through a transform: what gram_sums would give for x T.
///   H <- T^T H T
/// @param on where to run (host)   @param transform any that apply() takes   @param h (n x n) symmetric
/// @post symmetric to the bit   Precision: as apply() for 2 n rows
/// Complexity: 2 n rows of apply().   Determinism: bitwise for any number of threads.   Throws: std::invalid_argument on shape.
template <execution_policy P, class R, dense_scalar T>
void transform_gram(P const& on, R const& transform, matrix_view<T> h) {
  check_shape("H", h, h.rows, h.rows);
  apply(on, transform, h);                        // H T
  detail::transpose_in_place(threads_of(on), h);  // T^T H, since H is symmetric
  apply(on, transform, h);
  detail::mirror_lower(threads_of(on), h);
}

}  // namespace dfrot
