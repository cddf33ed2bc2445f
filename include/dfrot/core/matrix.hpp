#pragma once

#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// A dense row-major matrix that owns its memory, without padding between rows, from the start of a cache line;
/// all zero at first.
/// The kernels take views; this type is for results and for programs.
/// Errors: std::bad_alloc; std::invalid_argument where rows * columns overflows.
template <class T>
class matrix {
 public:
  using value_type = T;

  matrix() = default;
  DFROT_PER_ISA matrix(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {
    expects(columns == 0 || rows <= static_cast<std::size_t>(-1) / sizeof(T) / columns, "a matrix of ", rows, " x ",
            columns, " values does not fit into memory");
    values_.resize(rows * columns);
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] T* data() { return values_.data(); }
  [[nodiscard]] T const* data() const { return values_.data(); }
  [[nodiscard]] T& operator()(std::size_t i, std::size_t j) { return values_[i * columns_ + j]; }
  [[nodiscard]] T const& operator()(std::size_t i, std::size_t j) const { return values_[i * columns_ + j]; }
  [[nodiscard]] matrix_view<T> view() { return {data(), rows_, columns_}; }
  [[nodiscard]] matrix_view<T const> view() const { return {data(), rows_, columns_}; }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  aligned_vector<T> values_;
};

}  // namespace dfrot
