#pragma once

#include <cublas_v2.h>
#include <cusolverDn.h>

#include <cstddef>
#include <limits>
#include <memory>
#include <type_traits>

#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cuda/library_calls.cuh>

namespace dfrot::cuda {

/// What becomes of a factor of a product before it is multiplied.
enum class op : bool { none, transpose };

/// What dense linear algebra on a device is made of: products and triangular solutions by cuBLAS, Cholesky factors by
/// cuSOLVER, in the order of one policy's stream. All matrices are row-major.
/// Precision: float is IEEE float32 throughout, never TF32 and never emulated: the math mode is pinned to
/// CUBLAS_DEFAULT_MATH, in which nothing of less precision takes part.
/// Determinism: the same bits in every run with one device and one version of
/// the libraries; sums are added in another order than the host's.
/// Memory: each library keeps a workspace of some MiB.
/// Errors: std::runtime_error with the call and the status; std::invalid_argument for sizes of 2^31 and above. Moves,
/// and does not copy. One thread at a time.
class dense_algebra {
 public:
  explicit dense_algebra(policy const& on) : on_(on) {
    cublasHandle_t blas = nullptr;
    detail::check_blas(cublasCreate(&blas), "cublasCreate");
    blas_.reset(blas);
    detail::check_blas(cublasSetStream(blas, on.stream), "cublasSetStream");
    detail::check_blas(cublasSetMathMode(blas, CUBLAS_DEFAULT_MATH), "cublasSetMathMode");
    detail::check_blas(cublasSetAtomicsMode(blas, CUBLAS_ATOMICS_NOT_ALLOWED), "cublasSetAtomicsMode");
    cusolverDnHandle_t solver = nullptr;
    detail::check_solver(cusolverDnCreate(&solver), "cusolverDnCreate");
    solver_.reset(solver);
    detail::check_solver(cusolverDnSetStream(solver, on.stream), "cusolverDnSetStream");
  }

  /// The policy whose stream everything runs on.
  [[nodiscard]] policy const& on() const { return on_; }

  /// C <- beta C + alpha A B, A and B as they are or transposed; for beta = 0, C is overwritten whatever it holds.
  /// @pre shapes fit; the memory of c overlaps neither a nor b   Complexity: 2 m n k operations.
  template <class T>
  void multiply(T alpha, op how_a, std::type_identity_t<matrix_view<T const, device_space>> a, op how_b,
                std::type_identity_t<matrix_view<T const, device_space>> b, T beta,
                matrix_view<T, device_space> c) const {
    if (c.rows == 0 || c.columns == 0) {
      return;
    }
    // A row-major matrix is a column-major transpose, so cuBLAS is asked for C^T = B^T A^T.
    std::size_t const depth = how_a == op::none ? a.columns : a.rows;
    detail::check_blas(detail::gemm(blas_.get(), operation(how_b), operation(how_a), size_of(c.columns),
                                    size_of(c.rows), size_of(depth), alpha, b.data, size_of(b.row_stride), a.data,
                                    size_of(a.row_stride), beta, c.data, size_of(c.row_stride)),
                       "cublas gemm");
  }

  /// y <- beta y + alpha A x, A as it is or transposed.   @pre lengths fit; y is not x   Complexity: 2 m n operations.
  template <class T>
  void multiply_vector(T alpha, op how, std::type_identity_t<matrix_view<T const, device_space>> a,
                       std::type_identity_t<vector_view<T const, device_space>> x, T beta,
                       vector_view<T, device_space> y) const {
    detail::check_blas(
        detail::gemv(blas_.get(), operation(how == op::none ? op::transpose : op::none), size_of(a.columns),
                     size_of(a.rows), alpha, a.data, size_of(a.row_stride), x.data, beta, y.data),
        "cublas gemv");
  }

  /// Values of T that factor_cholesky() needs as workspace for an order.
  template <class T>
  [[nodiscard]] std::size_t cholesky_workspace(std::size_t order) const {
    int count = 0;
    detail::check_solver(detail::potrf_workspace<T>(solver_.get(), size_of(order), &count),
                         "cusolver potrf_bufferSize");
    return static_cast<std::size_t>(count);
  }

  /// Z = L L^T in place of symmetric Z, of which the triangle above the diagonal (row-major) is read. Waits for the
  /// result.
  /// @param workspace as cholesky_workspace() says   @param info one integer of device memory
  /// Complexity: n^3 / 3 operations.   Throws: std::invalid_argument if Z is not positive definite.
  template <class T>
  void factor_cholesky(matrix_view<T, device_space> z, vector_view<T, device_space> workspace,
                       vector_view<int, device_space> info) const {
    detail::check_solver(detail::potrf(solver_.get(), size_of(z.rows), z.data, size_of(z.row_stride), workspace.data,
                                       size_of(workspace.size), info.data),
                         "cusolver potrf");
    int pivot = 0;
    check_status(cudaMemcpyAsync(&pivot, info.data, sizeof pivot, cudaMemcpyDeviceToHost, on_.stream),
                 "cudaMemcpyAsync", on_.stream);
    synchronize(on_);
    expects(pivot == 0, "a matrix is not positive definite: cuSOLVER reports ", pivot);
  }

  /// Y <- Y Z^-1, for the rows of y, with the factor of Z that factor_cholesky() left.
  /// Complexity: 2 m n^2 operations.
  template <class T>
  void solve_rows(std::type_identity_t<matrix_view<T const, device_space>> factored,
                  matrix_view<T, device_space> y) const {
    for (cublasOperation_t const how : {CUBLAS_OP_N, CUBLAS_OP_T}) {
      detail::check_blas(detail::trsm(blas_.get(), how, size_of(factored.rows), size_of(y.rows), factored.data,
                                      size_of(factored.row_stride), y.data, size_of(y.row_stride)),
                         "cublas trsm");
    }
  }

 private:
  [[nodiscard]] static cublasOperation_t operation(op how) { return how == op::none ? CUBLAS_OP_N : CUBLAS_OP_T; }
  [[nodiscard]] static int size_of(std::size_t size) {
    expects(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "cuBLAS counts in 32 bits: ", size,
            " rows or columns are too many");
    return static_cast<int>(size);
  }

  struct destroy {
    void operator()(cublasHandle_t blas) const { static_cast<void>(cublasDestroy(blas)); }
    void operator()(cusolverDnHandle_t solver) const { static_cast<void>(cusolverDnDestroy(solver)); }
  };

  policy on_;
  std::unique_ptr<std::remove_pointer_t<cublasHandle_t>, destroy> blas_;
  std::unique_ptr<std::remove_pointer_t<cusolverDnHandle_t>, destroy> solver_;
};

}  // namespace dfrot::cuda
