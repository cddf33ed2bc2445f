#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cuda/elements.cuh>
#include <dfrot/linalg/detail/tridiagonal.hpp>

// Lanczos' method with its vectors and its recurrence on the device. Internal to linalg/cuda.
namespace dfrot::cuda::detail {

/// The vectors of length n, and what an iteration leaves: diagonal and neighbour of the tridiagonal matrix.
template <class T>
struct lanczos_memory {
  T const* start;
  T* v;
  T* next;
  T* previous;
  std::size_t n;
  double* diagonal;
  double* beside;
};

/// One block: v <- start / ||start||, previous <- 0.
template <class T>
__global__ void begin_lanczos(lanczos_memory<T> memory) {
  double part = 0;
  for (std::size_t i = threadIdx.x; i < memory.n; i += blockDim.x) {
    part += static_cast<double>(memory.start[i]) * static_cast<double>(memory.start[i]);
  }
  double const length = sqrt(block_sum(part, shared_memory<double>()));
  for (std::size_t i = threadIdx.x; i < memory.n; i += blockDim.x) {
    memory.v[i] = static_cast<T>(static_cast<double>(memory.start[i]) / length);
    memory.previous[i] = 0;
  }
}

/// One block: with next = A v, iteration k of the recurrence
///   d_k = v . next;   next -= d_k v + b_{k-1} previous;   b_k = ||next||;   previous <- v;   v <- next / b_k
/// An invariant subspace (b_k = 0) leaves v = 0; the host drops what follows.
template <class T>
__global__ void lanczos_step(lanczos_memory<T> memory, int k) {
  double* const sums = shared_memory<double>();
  double part = 0;
  for (std::size_t i = threadIdx.x; i < memory.n; i += blockDim.x) {
    part += static_cast<double>(memory.v[i]) * static_cast<double>(memory.next[i]);
  }
  double const along = block_sum(part, sums);
  double const before = k > 0 ? memory.beside[k - 1] : 0.0;
  part = 0;
  for (std::size_t i = threadIdx.x; i < memory.n; i += blockDim.x) {
    double const rest = static_cast<double>(memory.next[i]) - along * static_cast<double>(memory.v[i]) -
                        before * static_cast<double>(memory.previous[i]);
    memory.next[i] = static_cast<T>(rest);
    part += rest * rest;
  }
  double const length = sqrt(block_sum(part, sums));
  double const inverse = length > 0 ? 1 / length : 0.0;
  for (std::size_t i = threadIdx.x; i < memory.n; i += blockDim.x) {
    memory.previous[i] = memory.v[i];
    memory.v[i] = static_cast<T>(static_cast<double>(memory.next[i]) * inverse);
  }
  if (threadIdx.x == 0) {
    memory.diagonal[k] = along;
    memory.beside[k] = length;
  }
}

/// Estimates largest eigenvalues of symmetric matrices of one order, from below, from the same start as the host's
/// largest_eigenvalue(), with dot products in double. An estimate waits for the device once, at its end.
/// Memory: four vectors.
template <class T>
class lanczos {
 public:
  static constexpr int most_iterations = 16;

  lanczos(policy const& on, std::size_t n)
      : on_(on), threads_(threads_for(n)), vectors_(on, 4, n), coefficients_(on, 2, most_iterations) {
    matrix<T> start(1, n);
    for (std::size_t i = 0; i < n; ++i) {
      start(0, i) = static_cast<T>(dfrot::detail::start_value(i));
    }
    copy(on, matrix_view<T const>(start.view()), vectors_.view().row_block(0, 1));
    synchronize(on);  // the host's vector ends here
  }

  /// @param iterations at most most_iterations   @param apply called as apply(v, w) to launch w <- A v
  template <class Apply>
  [[nodiscard]] double largest_eigenvalue(int iterations, Apply const& apply) {
    begin();
    for (int k = 0; k < iterations; ++k) {
      apply(vector(1), vector(2));
      launch(on_, {"lanczos_step", dim3(1), threads_, threads_ * sizeof(double)}, lanczos_step<T>, memory(), k);
    }
    matrix<double> here(2, most_iterations);
    copy(on_, matrix_view<double const, device_space>(coefficients_.view()), here.view());
    synchronize(on_);
    std::vector<double> diagonal;
    std::vector<double> beside;
    for (int k = 0; k < iterations; ++k) {
      auto const column = static_cast<std::size_t>(k);
      diagonal.push_back(here(0, column));
      beside.push_back(here(1, column));
      if (!(beside.back() > std::numeric_limits<T>::epsilon() * std::abs(diagonal.back()))) {
        break;  // an invariant subspace: its eigenvalues are exact
      }
    }
    beside.back() = 0;
    return dfrot::detail::largest_of_tridiagonal(diagonal, beside);
  }

  /// The start, of length 1, and a vector to write to.
  [[nodiscard]] vector_view<T, device_space> unit_vector() {
    begin();
    return vector(1);
  }
  [[nodiscard]] vector_view<T, device_space> scratch() { return vector(2); }

 private:
  [[nodiscard]] vector_view<T, device_space> vector(std::size_t i) {
    return {vectors_.view().row(i), vectors_.columns()};
  }
  [[nodiscard]] lanczos_memory<T> memory() {
    auto const all = vectors_.view();
    return {all.row(0),
            all.row(1),
            all.row(2),
            all.row(3),
            all.columns,
            coefficients_.view().row(0),
            coefficients_.view().row(1)};
  }
  void begin() {
    launch(on_, {"begin_lanczos", dim3(1), threads_, threads_ * sizeof(double)}, begin_lanczos<T>, memory());
  }

  policy on_;
  unsigned threads_;
  device_matrix<T> vectors_;
  device_matrix<double> coefficients_;
};

}  // namespace dfrot::cuda::detail
