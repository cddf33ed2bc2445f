#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/view.hpp>

// Sums of matrices, element by element, and sums over elements. Internal to linalg/cuda and optimize/cuda.
namespace dfrot::cuda::detail {

inline constexpr unsigned element_threads = 256;

/// out <- a x + b y + c I, computed in Out's type. x and y are not read where a and b are 0.
template <class Out, class X, class Y>
struct matrix_sum {
  matrix_view<Out, device_space> out;
  Out a;
  matrix_view<X const, device_space> x;
  Out b;
  matrix_view<Y const, device_space> y;
  Out c;
};

template <class Out, class X, class Y>
__global__ void add_matrices(matrix_sum<Out, X, Y> sum) {
  std::size_t const i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= sum.out.rows * sum.out.columns) {
    return;
  }
  std::size_t const row = i / sum.out.columns;
  std::size_t const column = i % sum.out.columns;
  Out value = row == column ? sum.c : Out{0};
  if (sum.b != Out{0}) {
    value += sum.b * static_cast<Out>(sum.y(row, column));
  }
  if (sum.a != Out{0}) {
    value += sum.a * static_cast<Out>(sum.x(row, column));
  }
  sum.out(row, column) = value;
}

/// Launches add_matrices. out may be x or y itself.
template <class Out, class X, class Y>
void add(policy const& on, matrix_sum<Out, X, Y> const& sum) {
  std::size_t const count = sum.out.rows * sum.out.columns;
  if (count != 0) {
    dim3 const blocks(static_cast<unsigned>((count + element_threads - 1) / element_threads));
    launch(on, {"add_matrices", blocks, element_threads}, add_matrices<Out, X, Y>, sum);
  }
}

/// out <- a x + c I, converted to Out's type.
template <class Out, class X>
void scale(policy const& on, matrix_view<Out, device_space> out, Out a, matrix_view<X, device_space> x, Out c = 0) {
  add(on, matrix_sum<Out, std::remove_const_t<X>, Out>{out, a, x, 0, {}, c});
}

/// The sum of one value a thread, for all threads of the block: always added in the same order.
/// @param memory a value of shared memory a thread   @pre blockDim.x is a power of two; all threads call
[[nodiscard]] __device__ inline double block_sum(double value, double* memory) {
  __syncthreads();
  memory[threadIdx.x] = value;
  for (unsigned distance = blockDim.x / 2; distance != 0; distance /= 2) {
    __syncthreads();
    if (threadIdx.x < distance) {
      memory[threadIdx.x] += memory[threadIdx.x + distance];
    }
  }
  __syncthreads();
  return memory[0];
}

/// Threads of the one block that works on so many values: a power of two with about four values for each, 32 … 1024.
[[nodiscard]] inline unsigned threads_for(std::size_t count) {
  unsigned threads = 32;
  while (threads < 1024 && threads * 4 < count) {
    threads *= 2;
  }
  return threads;
}

/// One block: *sum <- sum of x^2 in double.
template <class T>
__global__ void sum_squares(T const* x, std::size_t count, double* sum) {
  double part = 0;
  for (std::size_t i = threadIdx.x; i < count; i += blockDim.x) {
    part += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  double const total = block_sum(part, shared_memory<double>());
  if (threadIdx.x == 0) {
    *sum = total;
  }
}

/// The sum of squares of some values. Waits for it.
template <class T>
[[nodiscard]] double squared_norm(policy const& on, vector_view<T, device_space> x) {
  unsigned const threads = threads_for(x.size);
  device_matrix<double> sum(on, 1, 1);
  launch(on, {"sum_squares", dim3(1), threads, threads * sizeof(double)}, sum_squares<std::remove_const_t<T>>, x.data,
         x.size, sum.data());
  double result = 0;
  check_status(cudaMemcpyAsync(&result, sum.data(), sizeof result, cudaMemcpyDeviceToHost, on.stream),
               "cudaMemcpyAsync", on.stream);
  synchronize(on);
  return result;
}

/// The magnitude of a float or double as an integer: in the same order, with infinity and NaN above all finite ones.
template <class T>
struct magnitude_bits;
template <>
struct magnitude_bits<float> {
  using type = unsigned;
};
template <>
struct magnitude_bits<double> {
  using type = unsigned long long;
};

/// One warp a row: *largest <- max of the bits of |x|.
template <class T>
__global__ void find_peak(matrix_view<T const, device_space> x, typename magnitude_bits<T>::type* largest) {
  using bits = typename magnitude_bits<T>::type;
  std::size_t const row = (std::size_t{blockIdx.x} * blockDim.x + threadIdx.x) / 32;
  if (row >= x.rows) {
    return;
  }
  bits peak = 0;
  for (std::size_t j = threadIdx.x % 32; j < x.columns; j += 32) {
    bits const value = __builtin_bit_cast(bits, x(row, j)) & (~bits{0} >> 1u);
    peak = value > peak ? value : peak;
  }
  for (int distance = 16; distance != 0; distance /= 2) {
    bits const other = __shfl_xor_sync(0xffffffffu, peak, distance);
    peak = other > peak ? other : peak;
  }
  if (threadIdx.x % 32 == 0) {
    atomicMax(largest, peak);
  }
}

/// The largest magnitude of a matrix; infinity or NaN if an element is not finite. Waits for it.
template <class T>
[[nodiscard]] T peak_of(policy const& on, matrix_view<T, device_space> x) {
  using value = std::remove_const_t<T>;
  using bits = typename magnitude_bits<value>::type;
  device_matrix<bits> largest(on, 1, 1);
  check_status(cudaMemsetAsync(largest.data(), 0, sizeof(bits), on.stream), "cudaMemsetAsync", on.stream);
  dim3 const blocks(static_cast<unsigned>((x.rows * 32 + element_threads - 1) / element_threads));
  launch(on, {"find_peak", blocks, element_threads}, find_peak<value>, x, largest.data());
  value peak = 0;
  check_status(cudaMemcpyAsync(&peak, largest.data(), sizeof peak, cudaMemcpyDeviceToHost, on.stream),
               "cudaMemcpyAsync", on.stream);
  synchronize(on);
  return peak;
}

}  // namespace dfrot::cuda::detail
