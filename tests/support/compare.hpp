#pragma once

#include <cstddef>
#include <cstring>
#include <dfrot/core/matrix.hpp>

namespace dfrot::test {

/// Whether two matrices have the same shape and the same bytes.
template <class T>
[[nodiscard]] bool same_bytes(matrix<T> const& a, matrix<T> const& b) {
  std::size_t const size = a.rows() * a.columns() * sizeof(T);
  return a.rows() == b.rows() && a.columns() == b.columns() &&
         (size == 0 || std::memcmp(a.data(), b.data(), size) == 0);
}

}  // namespace dfrot::test
