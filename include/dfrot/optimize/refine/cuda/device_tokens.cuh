#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cuda/device/convert.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cuda {

namespace detail {

template <class Stored, class T>
__global__ void convert_tokens(matrix_view<Stored const, device_space> from, matrix_view<T, device_space> to) {
  std::size_t const i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < to.rows * to.columns) {
    std::size_t const row = i / to.columns;
    std::size_t const column = i % to.columns;
    to(row, column) = static_cast<T>(load_value(from(row, column)));
  }
}

}  // namespace detail

/// Tokens in a device's memory, in any storage type: a source for refinements under cuda::policy. Nothing is copied
/// from the host but flags.
template <storage Stored>
class device_tokens {
 public:
  /// @param x (m x n), tokens x channels; not copied: it must outlive this
  /// Throws: std::invalid_argument on the stride.
  explicit device_tokens(matrix_view<Stored const, device_space> x) : x_(x) { check_stride("activations", x); }

  [[nodiscard]] std::size_t rows() const { return x_.rows; }
  [[nodiscard]] std::size_t channels() const { return x_.columns; }

  /// Copies rows first, first + 1, …, converted to T, in the order of the policy's stream.   Complexity: linear.
  template <class T>
  void read(policy const& on, std::size_t first, matrix_view<T, device_space> block) const {
    constexpr unsigned threads = 256;
    std::size_t const count = block.rows * block.columns;
    if (count != 0) {
      launch(on, {"convert_tokens", dim3(static_cast<unsigned>((count + threads - 1) / threads)), threads},
             detail::convert_tokens<Stored, T>, x_.row_block(first, block.rows), block);
    }
  }

 private:
  matrix_view<Stored const, device_space> x_;
};

template <class Stored>
device_tokens(matrix_view<Stored, device_space>) -> device_tokens<std::remove_const_t<Stored>>;

}  // namespace dfrot::cuda
