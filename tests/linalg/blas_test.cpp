#include <atomic>
#include <cmath>
#include <cstddef>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/blas.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>
#include <type_traits>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

// A BLAS of plain loops stands in for the real one, so that what the hook hands over is tested on every machine.
namespace {

std::atomic<int> calls = 0;

template <class T>
void plain_gemm(char const* ta, char const* tb, int const* m, int const* n, int const* k, T const* alpha, T const* a,
                int const* lda, T const* b, int const* ldb, T const* beta, T* c, int const* ldc) {
  ++calls;
  auto const at = [](T const* x, int row, int column, int stride) {
    return x[static_cast<std::ptrdiff_t>(column) * stride + row];
  };
  for (int j = 0; j < *n; ++j) {
    for (int i = 0; i < *m; ++i) {
      T sum = 0;
      for (int l = 0; l < *k; ++l) {
        sum +=
            (*ta == 'T' ? at(a, l, i, *lda) : at(a, i, l, *lda)) * (*tb == 'T' ? at(b, j, l, *ldb) : at(b, l, j, *ldb));
      }
      T& element = c[static_cast<std::ptrdiff_t>(j) * *ldc + i];
      element = *alpha * sum + (*beta == T(0) ? T(0) : *beta * element);
    }
  }
}

}  // namespace

extern "C" void sgemm_(char const* ta, char const* tb, int const* m, int const* n, int const* k, float const* alpha,
                       float const* a, int const* lda, float const* b, int const* ldb, float const* beta, float* c,
                       int const* ldc, std::size_t, std::size_t) {
  plain_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
extern "C" void dgemm_(char const* ta, char const* tb, int const* m, int const* n, int const* k, double const* alpha,
                       double const* a, int const* lda, double const* b, int const* ldb, double const* beta, double* c,
                       int const* ldc, std::size_t, std::size_t) {
  plain_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

namespace {

using dfrot::matrix;
using dfrot::test::gaussian_matrix;

constexpr dfrot::cpu::policy built_in{2};
constexpr dfrot::blas::policy external{built_in};

template <class T>
double distance(matrix<T> const& a, matrix<T> const& b) {
  return static_cast<double>((dfrot::as_eigen(a.view()) - dfrot::as_eigen(b.view())).norm());
}

TEMPLATE_TEST_CASE("Products of a BLAS agree with the built-in ones", "[linalg][blas]", float, double) {
  double const tolerance = std::is_same_v<TestType, float> ? 1e-4 : 1e-12;
  auto const a = gaussian_matrix<TestType>(40, 30, 1);
  auto const b = gaussian_matrix<TestType>(30, 50, 2);
  auto const t = gaussian_matrix<TestType>(40, 50, 3);
  matrix<TestType> expected(40, 50);
  matrix<TestType> c(40, 50);
  calls = 0;
  dfrot::multiply(built_in, a.view(), b.view(), expected.view());
  CHECK(calls == 0);
  dfrot::multiply(external, a.view(), b.view(), c.view());
  CHECK(calls == 1);
  CHECK(distance(c, expected) < tolerance);

  auto sums = gaussian_matrix<TestType>(30, 50, 4);
  auto sums_expected = sums;
  dfrot::multiply_transposed_accumulate(built_in, a.view(), t.view(), sums_expected.view());
  dfrot::multiply_transposed_accumulate(external, a.view(), t.view(), sums.view());
  CHECK(calls == 2);
  CHECK(distance(sums, sums_expected) < tolerance);
  matrix<TestType> none(0, 50);
  dfrot::multiply(external, matrix<TestType>(0, 30).view(), b.view(), none.view());
  matrix<TestType> zero = c;
  dfrot::multiply(external, matrix<TestType>(40, 0).view(), matrix<TestType>(0, 50).view(), zero.view());
  CHECK(dfrot::as_eigen(zero.view()).isZero(0));
}

TEST_CASE("All of linalg runs on the products of a BLAS", "[linalg][blas]") {
  auto const c = gaussian_matrix<float>(150, 150, 5);
  matrix<float> q(150, 150);
  matrix<float> expected(150, 150);
  calls = 0;
  dfrot::nearest_orthogonal(built_in, c.view(), expected.view());
  CHECK(calls == 0);
  dfrot::nearest_orthogonal(external, c.view(), q.view());
  CHECK(calls > 10);
  CHECK(dfrot::orthogonality(external, q.view()) < 5e-7);
  CHECK(distance(q, expected) < 1e-5 * std::sqrt(150.0));
  calls = 0;
  CHECK(distance(dfrot::random_orthogonal<float>(external, 150, 1), dfrot::random_orthogonal<float>(built_in, 150, 1)) <
        1e-5);
  CHECK(calls > 3);
}

TEST_CASE("A BLAS of one thread, called from several, gives the same bits for any number of them", "[linalg][blas]") {
  auto const c = gaussian_matrix<float>(300, 300, 6);
  auto const wide = gaussian_matrix<float>(300, 1100, 7);
  matrix<float> expected(300, 300);
  matrix<float> expected_product(300, 1100);
  dfrot::nearest_orthogonal(external, c.view(), expected.view());
  dfrot::multiply(external, c.view(), wide.view(), expected_product.view());
  matrix<float> first;
  for (int const threads : {1, 2, 5}) {
    dfrot::blas::policy const on{dfrot::cpu::policy{threads}, true};
    matrix<float> q(300, 300);
    calls = 0;
    dfrot::nearest_orthogonal(on, c.view(), q.view());
    CHECK(calls > 10);
    CHECK(distance(q, expected) < 1e-5 * std::sqrt(300.0));
    if (threads == 1) {
      first = q;
    }
    CHECK(distance(q, first) == 0);
    matrix<float> product(300, 1100);
    calls = 0;
    dfrot::multiply(on, c.view(), wide.view(), product.view());
    CHECK(calls == 2);                                // tiles of 1024 columns
    CHECK(distance(product, expected_product) == 0);  // the stand-in adds in one order
  }
}

}  // namespace
