#pragma once

#include <dfrot/config.hpp>

#include <cuda_runtime.h>

namespace dfrot::cuda {

// The two instructions that multiply signed bytes and add 32-bit sums, each with a twin for the host. Four bytes share
// a word, the first in its low bits.

/// sum + the sum over the four bytes of x_l w_l   (dp4a).
[[nodiscard]] __device__ inline int dot_of_bytes(unsigned x, unsigned w, int sum) {
#if defined(__CUDA_ARCH__)
  return __dp4a(static_cast<int>(x), static_cast<int>(w), sum);
#else
  for (unsigned l = 0; l < 32; l += 8) {
    sum += static_cast<signed char>((x >> l) & 255u) * static_cast<signed char>((w >> l) & 255u);
  }
  return sum;
#endif
}

/// sum += X W^T for 16 rows of X, 8 rows of W and 32 columns of both, by a whole warp   (mma.m16n8k32, signed bytes).
/// With g = lane / 4 and t = lane % 4, a lane holds
///   x[0], x[1]       columns 4 t … 4 t + 3 of rows g and g + 8 of X
///   x[2], x[3]       columns 16 + 4 t … 16 + 4 t + 3 of the same rows
///   w[0], w[1]       columns 4 t … 4 t + 3 and 16 + 4 t … 16 + 4 t + 3 of row g of W
///   sum[0], sum[1]   columns 2 t and 2 t + 1 of row g
///   sum[2], sum[3]   the same columns of row g + 8
/// Complexity: one instruction.   Determinism: exact.   Source: PTX ISA, "Matrix Fragments for mma.m16n8k32".
__device__ inline void multiply_16x8x32(unsigned const (&x)[4], unsigned const (&w)[2], int (&sum)[4]) {
#if defined(__CUDACC__)
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
      : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(w[0]), "r"(w[1]));
#else
  emulated_mma_m16n8k32_s8(x, w, sum);
#endif
}

}  // namespace dfrot::cuda
