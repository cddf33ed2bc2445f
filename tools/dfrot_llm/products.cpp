#include "products.hpp"

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/linalg/dense_product.hpp>
#if defined(DFROT_LLM_OPENBLAS)
#include <dfrot/linalg/blas.hpp>

extern "C" void openblas_set_num_threads(int count);
#endif

namespace dfrot::program {

namespace {

#if defined(DFROT_LLM_OPENBLAS)
blas::policy<cpu::policy> on_threads(int threads) {
  // One thread a product: all else is threaded here, and sums do not depend on the number of threads.
  static bool const single = (openblas_set_num_threads(1), true);
  return {{threads}, single};
}
#else
cpu::policy on_threads(int threads) { return {threads}; }
#endif

template <class T>
void plain_product(matrix_view<T const> x, matrix_view<T const> m, matrix_view<T> y) {
  dense_product(on_threads(1), T(1), as_is(x), as_is(m), T(0), y);
}

}  // namespace

void multiply_by_transpose(matrix_view<float const> x, matrix_view<float const> w, float beta, matrix_view<float> y) {
  dense_product(on_threads(1), 1.0F, as_is(x), transposed(w), beta, y);
}

void multiply(matrix_view<float const> x, matrix_view<float const> m, matrix_view<float> y) { plain_product(x, m, y); }

void multiply(matrix_view<double const> x, matrix_view<double const> m, matrix_view<double> y) {
  plain_product(x, m, y);
}

void for_each_block(int threads, std::size_t count, std::function<void(std::size_t)> const& body) {
  parallel_products(on_threads(threads), count, body);
}

char const* product_library() {
#if defined(DFROT_LLM_OPENBLAS)
  return "OpenBLAS";
#else
  return "Eigen";
#endif
}

}  // namespace dfrot::program
