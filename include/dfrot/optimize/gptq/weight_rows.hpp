#pragma once

#include <concepts>
#include <cstddef>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

// What the quantizers of weights share.
namespace dfrot::detail {

/// The types of weights, const or not: their arithmetic is done in float.
template <class T>
concept weight_storage = storage<T> && std::same_as < arithmetic_t<T>,
float > ;

/// Throws: std::invalid_argument "row 7, column 3 holds nan: weights must be finite".
template <weight_storage W>
void reject_non_finite_weights(matrix_view<W const> w) {
  std::size_t const row = first_non_finite_row(w);
  for (std::size_t j = 0; row != all_finite && j < w.columns; ++j) {
    expects(is_finite(w(row, j)), "row ", row, ", column ", j, " holds ", load(w(row, j)), ": weights must be finite");
  }
}

/// A policy of one thread, for what runs on each of several.
template <class P>
[[nodiscard]] constexpr P one_thread(P on) {
  if constexpr (requires { on.threads = 1; }) {
    on.threads = 1;
  }
  return on;
}

}  // namespace dfrot::detail
