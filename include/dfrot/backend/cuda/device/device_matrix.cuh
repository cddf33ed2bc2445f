#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cuda {

/// A dense row-major matrix in the memory of the current device, without padding between rows. Its values are undefined
/// at first. Allocated and freed in the order of one stream: work on another stream has to be done before it is
/// destroyed. Moves, and does not copy (see copy()).
/// Complexity: no synchronisation.   Errors: std::runtime_error where the memory is full; std::invalid_argument where
/// rows * columns overflows.
template <class T>
class device_matrix {
 public:
  static_assert(std::is_trivially_copyable_v<T>, "device memory is copied byte by byte");
  using value_type = T;

  device_matrix() = default;
  /// @param on whose stream owns the memory: it must outlive the matrix
  device_matrix(policy const& on, std::size_t rows, std::size_t columns) : on_(on), rows_(rows), columns_(columns) {
    expects(columns == 0 || rows <= static_cast<std::size_t>(-1) / sizeof(T) / columns, "a device matrix of ", rows,
            " x ", columns, " values does not fit into memory");
    if (rows * columns != 0) {
      void* memory = nullptr;
      check_status(cudaMallocAsync(&memory, rows * columns * sizeof(T), on.stream), "cudaMallocAsync", on.stream);
      values_ = static_cast<T*>(memory);
    }
  }
  device_matrix(device_matrix&& other) noexcept { swap(other); }
  device_matrix& operator=(device_matrix&& other) noexcept {
    device_matrix moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~device_matrix() {
    if (values_ != nullptr) {
      // A destructor has nobody to tell: what is wrong with the stream is reported by the next call that can.
      static_cast<void>(cudaFreeAsync(values_, on_.stream));
    }
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  [[nodiscard]] T* data() { return values_; }
  [[nodiscard]] T const* data() const { return values_; }
  [[nodiscard]] matrix_view<T, device_space> view() { return {values_, rows_, columns_}; }
  [[nodiscard]] matrix_view<T const, device_space> view() const { return {values_, rows_, columns_}; }
  /// All values in a row, for workspaces and vectors.
  [[nodiscard]] vector_view<T, device_space> values() { return {values_, rows_ * columns_}; }
  [[nodiscard]] vector_view<T const, device_space> values() const { return {values_, rows_ * columns_}; }

 private:
  void swap(device_matrix& other) noexcept {
    std::swap(on_, other.on_);
    std::swap(rows_, other.rows_);
    std::swap(columns_, other.columns_);
    std::swap(values_, other.values_);
  }

  policy on_;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  T* values_ = nullptr;
};

}  // namespace dfrot::cuda
