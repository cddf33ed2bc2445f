#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cuda {

namespace detail {

/// The direction of a copy, which the types of the views say.
template <class From, class To>
inline constexpr cudaMemcpyKind copy_kind = std::is_same_v<From, host_space>
                                                ? (std::is_same_v<To, host_space> ? cudaMemcpyHostToHost
                                                                                  : cudaMemcpyHostToDevice)
                                                : (std::is_same_v<To, host_space> ? cudaMemcpyDeviceToHost
                                                                                  : cudaMemcpyDeviceToDevice);

}  // namespace detail

/// Copies a matrix between host and device, or within one of them, in the order of the policy's stream: to <- from.
/// Host memory must stay as it is until the stream has come this far: see synchronize(). Memory that is not pinned may
/// make the caller wait.
/// @param from (m x n)   @param to (m x n), any row strides; padding is left alone   @pre the two do not overlap
/// Throws: std::invalid_argument on shape; std::runtime_error as check_status().
template <class T, class From, class To>
void copy(policy const& on, matrix_view<T, From> from, matrix_view<std::remove_const_t<T>, To> to) {
  check_stride("the source of a copy", from);
  check_shape("the target of a copy", to, from.rows, from.columns);
  if (from.rows == 0 || from.columns == 0) {
    return;
  }
  constexpr cudaMemcpyKind kind = detail::copy_kind<From, To>;
  std::size_t const width = from.columns * sizeof(T);
  bool const one_run = from.rows == 1 || (from.row_stride == from.columns && to.row_stride == to.columns);
  if (one_run) {
    check_status(cudaMemcpyAsync(to.data, from.data, from.rows * width, kind, on.stream), "cudaMemcpyAsync", on.stream);
  } else {
    check_status(cudaMemcpy2DAsync(to.data, to.row_stride * sizeof(T), from.data, from.row_stride * sizeof(T), width,
                                   from.rows, kind, on.stream),
                 "cudaMemcpy2DAsync", on.stream);
  }
}

/// The same for vectors. Contract as there.
template <class T, class From, class To>
void copy(policy const& on, vector_view<T, From> from, vector_view<std::remove_const_t<T>, To> to) {
  copy(on, matrix_view<T, From>(from.data, 1, from.size), matrix_view<std::remove_const_t<T>, To>(to.data, 1, to.size));
}

}  // namespace dfrot::cuda
