#pragma once

#include <cublas_v2.h>
#include <cusolverDn.h>

#include <type_traits>

#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/core/expects.hpp>

// The calls of cuBLAS and cuSOLVER that dense_algebra makes, one name for both precisions, column-major as theirs.
// Internal to linalg/cuda.
namespace dfrot::cuda::detail {

/// Throws: std::runtime_error "cublas gemm: CUBLAS_STATUS_… at file:line".
inline void check_blas(cublasStatus_t status, char const* call, char const* file = __builtin_FILE(),
                       int line = __builtin_LINE()) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]] {
    fail(message(call, ": ", cublasGetStatusName(status), " at ", file, ":", line));
  }
}

/// Throws: std::runtime_error "cusolver potrf: status 7 (cusolverStatus_t) at file:line".
inline void check_solver(cusolverStatus_t status, char const* call, char const* file = __builtin_FILE(),
                         int line = __builtin_LINE()) {
  if (status != CUSOLVER_STATUS_SUCCESS) [[unlikely]] {
    fail(message(call, ": status ", static_cast<int>(status), " (cusolverStatus_t) at ", file, ":", line));
  }
}

inline cublasStatus_t gemm(cublasHandle_t blas, cublasOperation_t how_a, cublasOperation_t how_b, int m, int n, int k,
                           float alpha, float const* a, int lda, float const* b, int ldb, float beta, float* c,
                           int ldc) {
  return cublasSgemm(blas, how_a, how_b, m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc);
}
inline cublasStatus_t gemm(cublasHandle_t blas, cublasOperation_t how_a, cublasOperation_t how_b, int m, int n, int k,
                           double alpha, double const* a, int lda, double const* b, int ldb, double beta, double* c,
                           int ldc) {
  return cublasDgemm(blas, how_a, how_b, m, n, k, &alpha, a, lda, b, ldb, &beta, c, ldc);
}

inline cublasStatus_t gemv(cublasHandle_t blas, cublasOperation_t how, int m, int n, float alpha, float const* a,
                           int lda, float const* x, float beta, float* y) {
  return cublasSgemv(blas, how, m, n, &alpha, a, lda, x, 1, &beta, y, 1);
}
inline cublasStatus_t gemv(cublasHandle_t blas, cublasOperation_t how, int m, int n, double alpha, double const* a,
                           int lda, double const* x, double beta, double* y) {
  return cublasDgemv(blas, how, m, n, &alpha, a, lda, x, 1, &beta, y, 1);
}

/// B <- L^-1 B, or L^-T B, for lower L.
inline cublasStatus_t trsm(cublasHandle_t blas, cublasOperation_t how, int m, int n, float const* l, int ldl, float* b,
                           int ldb) {
  float const one = 1;
  return cublasStrsm(blas, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, how, CUBLAS_DIAG_NON_UNIT, m, n, &one, l, ldl, b,
                     ldb);
}
inline cublasStatus_t trsm(cublasHandle_t blas, cublasOperation_t how, int m, int n, double const* l, int ldl,
                           double* b, int ldb) {
  double const one = 1;
  return cublasDtrsm(blas, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, how, CUBLAS_DIAG_NON_UNIT, m, n, &one, l, ldl, b,
                     ldb);
}

inline cusolverStatus_t potrf(cusolverDnHandle_t solver, int n, float* a, int lda, float* workspace, int count,
                              int* info) {
  return cusolverDnSpotrf(solver, CUBLAS_FILL_MODE_LOWER, n, a, lda, workspace, count, info);
}
inline cusolverStatus_t potrf(cusolverDnHandle_t solver, int n, double* a, int lda, double* workspace, int count,
                              int* info) {
  return cusolverDnDpotrf(solver, CUBLAS_FILL_MODE_LOWER, n, a, lda, workspace, count, info);
}

/// How many values of T the workspace of potrf() has. The matrix is not looked at.
template <class T>
cusolverStatus_t potrf_workspace(cusolverDnHandle_t solver, int n, int* count) {
  if constexpr (std::is_same_v<T, float>) {
    return cusolverDnSpotrf_bufferSize(solver, CUBLAS_FILL_MODE_LOWER, n, nullptr, n, count);
  } else {
    return cusolverDnDpotrf_bufferSize(solver, CUBLAS_FILL_MODE_LOWER, n, nullptr, n, count);
  }
}

}  // namespace dfrot::cuda::detail
