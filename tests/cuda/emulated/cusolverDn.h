#pragma once

// Stands in for cuSOLVER's header on the emulated device: plain loops of the host, see cublas_v2.h. Only what dfrot
// calls.

#include <cmath>

#include "cublas_v2.h"

enum cusolverStatus_t { CUSOLVER_STATUS_SUCCESS = 0, CUSOLVER_STATUS_INVALID_VALUE = 3 };

struct cusolverDnContext {};
using cusolverDnHandle_t = cusolverDnContext*;

inline cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle) {
  *handle = new cusolverDnContext;
  return CUSOLVER_STATUS_SUCCESS;
}
inline cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
  delete handle;
  return CUSOLVER_STATUS_SUCCESS;
}
inline cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t /*handle*/, cudaStream_t /*stream*/) {
  return CUSOLVER_STATUS_SUCCESS;
}

namespace dfrot::test::emulated {

/// A = L L^T in the lower triangle; *info is 0, or the number (from 1) of the pivot that is not positive.
template <class T>
cusolverStatus_t potrf(int n, T* a, int lda, T* workspace, int count, int* info) {
  operand<T> const matrix{a, n, n, lda};
  if (!matrix.valid() || count < n || !is_device_memory(workspace, sizeof(T) * static_cast<std::size_t>(count)) ||
      !is_device_memory(info, sizeof(int))) {
    return CUSOLVER_STATUS_INVALID_VALUE;
  }
  *info = 0;
  for (int j = 0; j < n; ++j) {
    for (int i = j; i < n; ++i) {
      double sum = static_cast<double>(matrix.at(i, j));
      for (int k = 0; k < j; ++k) {
        sum -= static_cast<double>(matrix.at(i, k)) * static_cast<double>(matrix.at(j, k));
      }
      if (i == j && !(sum > 0)) {
        *info = j + 1;
        return CUSOLVER_STATUS_SUCCESS;
      }
      matrix.at(i, j) = static_cast<T>(i == j ? std::sqrt(sum) : sum / static_cast<double>(matrix.at(j, j)));
    }
  }
  return CUSOLVER_STATUS_SUCCESS;
}

}  // namespace dfrot::test::emulated

// The calls for the two types differ by one letter.
#define DFROT_EMULATED_CUSOLVER(letter, T)                                                                           \
  inline cusolverStatus_t cusolverDn##letter##potrf_bufferSize(cusolverDnHandle_t, cublasFillMode_t, int n, T*, int, \
                                                               int* count) {                                         \
    *count = n;                                                                                                      \
    return CUSOLVER_STATUS_SUCCESS;                                                                                  \
  }                                                                                                                  \
  inline cusolverStatus_t cusolverDn##letter##potrf(cusolverDnHandle_t, cublasFillMode_t, int n, T* a, int lda,      \
                                                    T* workspace, int count, int* info) {                            \
    return dfrot::test::emulated::potrf<T>(n, a, lda, workspace, count, info);                                       \
  }
DFROT_EMULATED_CUSOLVER(S, float)
DFROT_EMULATED_CUSOLVER(D, double)
#undef DFROT_EMULATED_CUSOLVER
