#pragma once

// Stands in for cuBLAS's header on the emulated device: plain loops of the host, sums in double and rounded once, one
// term after the other. So a test with it shows that the calls are the right ones, not how cuBLAS rounds. Only what
// dfrot calls; column-major; names and contracts are those of the cuBLAS documentation.

#include <cstddef>
#include <vector>

#include "cuda_runtime.h"

enum cublasStatus_t { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_INVALID_VALUE = 7 };
enum cublasOperation_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasFillMode_t { CUBLAS_FILL_MODE_LOWER = 0 };
enum cublasSideMode_t { CUBLAS_SIDE_LEFT = 0 };
enum cublasDiagType_t { CUBLAS_DIAG_NON_UNIT = 0 };
enum cublasMath_t { CUBLAS_DEFAULT_MATH = 0 };
enum cublasAtomicsMode_t { CUBLAS_ATOMICS_NOT_ALLOWED = 0 };

struct cublasContext {};
using cublasHandle_t = cublasContext*;

inline char const* cublasGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "CUBLAS_STATUS_SUCCESS" : "CUBLAS_STATUS_INVALID_VALUE";
}
inline cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetStream(cublasHandle_t /*handle*/, cudaStream_t /*stream*/) {
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetMathMode(cublasHandle_t /*handle*/, cublasMath_t /*mode*/) {
  return CUBLAS_STATUS_SUCCESS;
}
inline cublasStatus_t cublasSetAtomicsMode(cublasHandle_t /*handle*/, cublasAtomicsMode_t /*mode*/) {
  return CUBLAS_STATUS_SUCCESS;
}

namespace dfrot::test::emulated {

/// An operand of a call, column-major: its elements, and whether they are device memory with a large enough stride.
template <class T>
struct operand {
  T* values;
  int rows;
  int columns;
  int stride;

  [[nodiscard]] T& at(int i, int j) const {
    return values[static_cast<std::size_t>(j) * static_cast<std::size_t>(stride) + static_cast<std::size_t>(i)];
  }
  [[nodiscard]] bool valid() const {
    if (rows < 0 || columns < 0 || stride < (rows > 1 ? rows : 1)) {
      return false;
    }
    return rows == 0 || columns == 0 ||
           is_device_memory(values, sizeof(T) * static_cast<std::size_t>(&at(rows - 1, columns - 1) + 1 - values));
  }
};

template <class T>
cublasStatus_t gemm(cublasOperation_t how_a, cublasOperation_t how_b, int m, int n, int k, T alpha, T const* a, int lda,
                    T const* b, int ldb, T beta, T* c, int ldc) {
  bool const plain_a = how_a == CUBLAS_OP_N;
  bool const plain_b = how_b == CUBLAS_OP_N;
  operand<T const> const left{a, plain_a ? m : k, plain_a ? k : m, lda};
  operand<T const> const right{b, plain_b ? k : n, plain_b ? n : k, ldb};
  operand<T> const result{c, m, n, ldc};
  if (!left.valid() || !right.valid() || !result.valid()) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  std::vector<double> column(static_cast<std::size_t>(m));
  for (int j = 0; j < n; ++j) {
    column.assign(column.size(), 0.0);
    for (int l = 0; l < k; ++l) {
      double const factor = static_cast<double>(plain_b ? right.at(l, j) : right.at(j, l));
      for (int i = 0; i < m; ++i) {
        column[static_cast<std::size_t>(i)] += factor * static_cast<double>(plain_a ? left.at(i, l) : left.at(l, i));
      }
    }
    for (int i = 0; i < m; ++i) {
      double const kept = beta == T(0) ? 0.0 : static_cast<double>(beta) * static_cast<double>(result.at(i, j));
      result.at(i, j) = static_cast<T>(kept + static_cast<double>(alpha) * column[static_cast<std::size_t>(i)]);
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

/// B <- alpha op(L)^-1 B, L lower triangular.
template <class T>
cublasStatus_t trsm(cublasOperation_t how, int m, int n, T alpha, T const* l, int ldl, T* b, int ldb) {
  operand<T const> const lower{l, m, m, ldl};
  operand<T> const right{b, m, n, ldb};
  if (!lower.valid() || !right.valid()) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  for (int j = 0; j < n; ++j) {
    for (int step = 0; step < m; ++step) {
      int const i = how == CUBLAS_OP_N ? step : m - 1 - step;
      double sum = static_cast<double>(alpha) * static_cast<double>(right.at(i, j));
      for (int done = 0; done < step; ++done) {
        int const k = how == CUBLAS_OP_N ? done : m - 1 - done;
        double const factor = static_cast<double>(how == CUBLAS_OP_N ? lower.at(i, k) : lower.at(k, i));
        sum -= factor * static_cast<double>(right.at(k, j));
      }
      right.at(i, j) = static_cast<T>(sum / static_cast<double>(lower.at(i, i)));
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace dfrot::test::emulated

// The calls for the two types differ by one letter.
#define DFROT_EMULATED_CUBLAS(letter, T)                                                                              \
  inline cublasStatus_t cublas##letter##gemm(cublasHandle_t, cublasOperation_t how_a, cublasOperation_t how_b, int m, \
                                             int n, int k, T const* alpha, T const* a, int lda, T const* b, int ldb,  \
                                             T const* beta, T* c, int ldc) {                                          \
    return dfrot::test::emulated::gemm<T>(how_a, how_b, m, n, k, *alpha, a, lda, b, ldb, *beta, c, ldc);              \
  }                                                                                                                   \
  inline cublasStatus_t cublas##letter##gemv(cublasHandle_t, cublasOperation_t how, int m, int n, T const* alpha,     \
                                             T const* a, int lda, T const* x, int, T const* beta, T* y, int) {        \
    int const length = how == CUBLAS_OP_N ? m : n;                                                                    \
    int const depth = how == CUBLAS_OP_N ? n : m;                                                                     \
    return dfrot::test::emulated::gemm<T>(how, CUBLAS_OP_N, length, 1, depth, *alpha, a, lda, x, depth, *beta, y,     \
                                          length);                                                                    \
  }                                                                                                                   \
  inline cublasStatus_t cublas##letter##trsm(cublasHandle_t, cublasSideMode_t, cublasFillMode_t,                      \
                                             cublasOperation_t how, cublasDiagType_t, int m, int n, T const* alpha,   \
                                             T const* l, int ldl, T* b, int ldb) {                                    \
    return dfrot::test::emulated::trsm<T>(how, m, n, *alpha, l, ldl, b, ldb);                                         \
  }
DFROT_EMULATED_CUBLAS(S, float)
DFROT_EMULATED_CUBLAS(D, double)
#undef DFROT_EMULATED_CUBLAS
