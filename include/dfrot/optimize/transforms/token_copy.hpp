#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::detail {

/// A copy of tokens (or of a weight) in another type, without gaps.
template <class To, class T>
[[nodiscard]] matrix<To> token_copy(matrix_view<T> x) {
  matrix<To> result(x.rows, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::transform(x.row(i), x.row(i) + x.columns, result.data() + i * x.columns,
                   [](T value) { return static_cast<To>(load(value)); });
  }
  return result;
}

}  // namespace dfrot::detail
