#pragma once

#include <cstddef>
#include <limits>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/detail/serial_eigen.hpp>

// Include this header, and link a BLAS (CMake: dfrot::blas), to have dense products computed by OpenBLAS, MKL, BLIS or
// another library with the Fortran interface and 32-bit integers. One function of a BLAS is enough, since all dense linear
// algebra of this library is made of products (linalg/dense_product.hpp).

// The two symbols, as every BLAS defines them; the last arguments are the lengths of the texts, which Fortran passes.
extern "C" {
void sgemm_(char const* transpose_a, char const* transpose_b, int const* m, int const* n, int const* k,
            float const* alpha, float const* a, int const* a_stride, float const* b, int const* b_stride,
            float const* beta, float* c, int const* c_stride, std::size_t, std::size_t);
void dgemm_(char const* transpose_a, char const* transpose_b, int const* m, int const* n, int const* k,
            double const* alpha, double const* a, int const* a_stride, double const* b, int const* b_stride,
            double const* beta, double* c, int const* c_stride, std::size_t, std::size_t);
}

namespace dfrot::blas {

/// A host policy whose dense products are an external BLAS's. All other operations are those of Base.
///   nearest_orthogonal(dfrot::blas::policy{dfrot::cpu::policy{2}, true}, c, q);
/// On how many threads a BLAS runs is told outside (OPENBLAS_NUM_THREADS, openblas_set_num_threads(), …): that setting belongs
/// to the program, and is neither read nor changed here. Where it is one thread, and the BLAS may be called from several at
/// a time, say so: that is faster (5 % of a polar factor of order 4096), since what is not a product is threaded, too.
/// Determinism: as the BLAS's: results agree with the built-in products to rounding, 1e-5 in float32, and may depend on the
/// number of its threads; with one_thread, bitwise for any number of `threads`.
template <execution_policy Base>
struct policy : Base {
  using base = Base;
  bool one_thread = false;  ///< the BLAS runs on one thread, and `threads` call it; else `threads` are for the rest
};
template <class Base>
policy(Base) -> policy<Base>;
template <class Base>
policy(Base, bool) -> policy<Base>;

namespace detail {

[[nodiscard]] inline int size_of(std::size_t size) {
  expects(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "a BLAS counts in 32 bits: ", size,
          " rows or columns are too many");
  return static_cast<int>(size);
}

inline void gemm(char const* ta, char const* tb, int m, int n, int k, float alpha, float const* a, int lda,
                 float const* b, int ldb, float beta, float* c, int ldc) {
  sgemm_(ta, tb, &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc, 1, 1);
}
inline void gemm(char const* ta, char const* tb, int m, int n, int k, double alpha, double const* a, int lda,
                 double const* b, int ldb, double beta, double* c, int ldc) {
  dgemm_(ta, tb, &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc, 1, 1);
}

/// C <- beta C + alpha A B, by one call of the BLAS.
/// A row-major matrix is a column-major transpose, so the BLAS is asked for C^T = B^T A^T.
template <class T, bool TransposeA, bool TransposeB>
void product(T alpha, dense_factor<T, TransposeA> a, dense_factor<T, TransposeB> b, T beta, matrix_view<T> c) {
  // A stride of 0 is an error for a BLAS, even where there is nothing to read.
  auto const stride = [](std::size_t row_stride) { return size_of(row_stride == 0 ? 1 : row_stride); };
  gemm(TransposeB ? "T" : "N", TransposeA ? "T" : "N", size_of(c.columns), size_of(c.rows), size_of(a.columns()), alpha,
       b.values.data, stride(b.values.row_stride), a.values.data, stride(a.values.row_stride), beta, c.data,
       stride(c.row_stride));
}

}  // namespace detail

/// Hook: C <- beta C + alpha A B, by the BLAS.
template <class Base, class T, bool TransposeA, bool TransposeB>
void dense_product(policy<Base> const& on, T alpha, dense_factor<T, TransposeA> a, dense_factor<T, TransposeB> b,
                   T beta, matrix_view<T> c) {
  if (c.rows == 0 || c.columns == 0) {
    return;
  }
  if (!on.one_thread) {
    detail::product(alpha, a, b, beta, c);
    return;
  }
  dfrot::detail::product_in_tiles<1024, 1024>(threads_of(on), a, b, c, [&](auto left, auto right, matrix_view<T> tile) {
    detail::product(alpha, left, right, beta, tile);
  });
}

/// Hook: one body after the other where the BLAS has threads of its own.
template <class Base, class Body>
void parallel_products(policy<Base> const& on, std::size_t count, Body const& body) {
  if (on.one_thread) {
    dfrot::detail::eigen_tiles(threads_of(on), count, body);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    body(i);
  }
}

}  // namespace dfrot::blas

namespace dfrot::detail {

template <class Base>
inline constexpr std::size_t solve_rows<blas::policy<Base>> = 512;

}  // namespace dfrot::detail
