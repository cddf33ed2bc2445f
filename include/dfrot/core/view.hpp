#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>

namespace dfrot {

/// Memory that the processor reads.
struct host_space {};
/// Memory that a CUDA device reads.
struct device_space {};

/// A run of values that somebody else owns: pointer, length, and the memory space in the type.
/// Trivially copyable. A view of T converts to a view of T const.
template <class T, class Space = host_space>
struct vector_view {
  using value_type = T;
  using memory_space = Space;

  T* data = nullptr;
  std::size_t size = 0;

  constexpr vector_view() = default;
  DFROT_HOST_DEVICE constexpr vector_view(T* values, std::size_t count) : data(values), size(count) {}
  template <class U>
  requires std::is_same_v<T, U const>
      // NOLINTNEXTLINE(google-explicit-constructor): a mutable view stands wherever a read-only one is asked for
      DFROT_HOST_DEVICE constexpr vector_view(vector_view<U, Space> other) : data(other.data), size(other.size) {}

  [[nodiscard]] DFROT_HOST_DEVICE constexpr T& operator[](std::size_t i) const { return data[i]; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr T* begin() const { return data; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr T* end() const { return data + size; }
};

/// A row-major matrix that somebody else owns; row i starts at data + i * row_stride.
/// Activations are tokens x channels: one token a row. The memory space is part of the type.
/// Trivially copyable. A view of T converts to a view of T const. @pre row_stride >= columns (front doors check it)
template <class T, class Space = host_space>
struct matrix_view {
  using value_type = T;
  using memory_space = Space;

  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t row_stride = 0;

  constexpr matrix_view() = default;
  DFROT_HOST_DEVICE constexpr matrix_view(T* values, std::size_t row_count, std::size_t column_count)
      : matrix_view(values, row_count, column_count, column_count) {}
  DFROT_HOST_DEVICE constexpr matrix_view(T* values, std::size_t row_count, std::size_t column_count,
                                          std::size_t stride)
      : data(values), rows(row_count), columns(column_count), row_stride(stride) {}
  template <class U>
  requires std::is_same_v<T, U const>
      // NOLINTNEXTLINE(google-explicit-constructor): a mutable view stands wherever a read-only one is asked for
      DFROT_HOST_DEVICE constexpr matrix_view(matrix_view<U, Space> other)
      : data(other.data), rows(other.rows), columns(other.columns), row_stride(other.row_stride) {}

  /// Pointer to the first value of row i.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr T* row(std::size_t i) const { return data + i * row_stride; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr T& operator()(std::size_t i, std::size_t j) const { return row(i)[j]; }

  /// Rows first .. first + count - 1 of this matrix. @pre first + count <= rows
  [[nodiscard]] DFROT_HOST_DEVICE constexpr matrix_view row_block(std::size_t first, std::size_t count) const {
    return {row(first), count, columns, row_stride};
  }
};

}  // namespace dfrot
