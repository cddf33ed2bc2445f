#include <algorithm>
#include <cmath>
#include <cstddef>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/products.hpp>
#include <limits>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

namespace {

using dfrot::matrix;
using dfrot::matrix_view;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

struct product_shape {
  std::size_t rows;
  std::size_t depth;
  std::size_t columns;
};

// Empty in each direction, single elements, vectors, tails below and beyond the tiles of 128 and 256.
constexpr product_shape shapes[] = {{0, 3, 4}, {3, 0, 4},  {3, 4, 0},    {1, 1, 1},       {1, 9, 5},
                                    {9, 5, 1}, {7, 17, 3}, {129, 31, 5}, {300, 257, 259}, {128, 256, 256}};

/// Largest |a - b| relative to sqrt(depth), the size of a sum of `depth` products of N(0, 1) numbers.
template <class A, class B>
double distance(matrix<A> const& a, matrix<B> const& b, std::size_t depth) {
  double largest = 0;
  for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  }
  return largest / std::sqrt(static_cast<double>(depth) + 1.0);
}

// Rounding errors of a sum of 257 terms, relative to its size sqrt(257): about sqrt(257 / 2) eps, five times that for the
// worst of many elements.
template <class T>
constexpr double tolerance_of = 60 * static_cast<double>(std::numeric_limits<T>::epsilon());

template <class T>
matrix<double> plain_product(matrix<T> const& a, matrix<T> const& b) {
  matrix<double> c(a.rows(), b.columns());
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t k = 0; k < a.columns(); ++k) {
      for (std::size_t j = 0; j < b.columns(); ++j) {
        c(i, j) += static_cast<double>(a(i, k)) * static_cast<double>(b(k, j));
      }
    }
  }
  return c;
}

template <class T>
matrix<T> transposed(matrix<T> const& a) {
  matrix<T> result(a.columns(), a.rows());
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t j = 0; j < a.columns(); ++j) {
      result(j, i) = a(i, j);
    }
  }
  return result;
}

TEMPLATE_TEST_CASE("multiply agrees with the plain loops for any number of threads", "[linalg][products]", float,
                   double) {
  double const tolerance = tolerance_of<TestType>;
  for (auto const& shape : shapes) {
    CAPTURE(shape.rows, shape.depth, shape.columns);
    auto const a = gaussian_matrix<TestType>(shape.rows, shape.depth, 1);
    auto const b = gaussian_matrix<TestType>(shape.depth, shape.columns, 2);
    auto c = gaussian_matrix<TestType>(shape.rows, shape.columns, 3);  // must be overwritten
    dfrot::multiply(dfrot::reference::policy{}, a.view(), b.view(), c.view());
    CHECK(distance(c, plain_product(a, b), shape.depth) < tolerance);
    for (int const threads : {1, 2, 5}) {
      matrix<TestType> again(shape.rows, shape.columns);
      dfrot::multiply(dfrot::cpu::policy{threads}, a.view(), b.view(), again.view());
      CHECK(same_bytes(again, c));
    }
  }
}

TEMPLATE_TEST_CASE("multiply_transposed_accumulate agrees with the plain loops for any number of threads",
                   "[linalg][products]", float, double) {
  for (auto const& shape : shapes) {
    CAPTURE(shape.rows, shape.depth, shape.columns);
    auto const a = gaussian_matrix<TestType>(shape.depth, shape.rows, 1);
    auto const b = gaussian_matrix<TestType>(shape.depth, shape.columns, 2);
    auto const start = gaussian_matrix<double>(shape.rows, shape.columns, 3);
    matrix<double> expected = plain_product(transposed(a), b);
    for (std::size_t i = 0; i < shape.rows * shape.columns; ++i) {
      expected.data()[i] += start.data()[i];
    }
    auto c = start;
    dfrot::multiply_transposed_accumulate(dfrot::reference::policy{}, a.view(), b.view(), c.view());
    CHECK(distance(c, expected, shape.depth) < tolerance_of<double>);
    for (int const threads : {1, 2, 5}) {
      auto again = start;
      dfrot::multiply_transposed_accumulate(dfrot::cpu::policy{threads}, a.view(), b.view(), again.view());
      CHECK(same_bytes(again, c));
    }
  }
}

TEST_CASE("Float sums agree with the plain loops for any number of threads", "[linalg][products]") {
  for (auto const& shape : shapes) {
    CAPTURE(shape.rows, shape.depth, shape.columns);
    auto const a = gaussian_matrix<float>(shape.depth, shape.rows, 1);
    auto const b = gaussian_matrix<float>(shape.depth, shape.columns, 2);
    auto const start = gaussian_matrix<float>(shape.rows, shape.columns, 3);
    matrix<double> expected = plain_product(transposed(a), b);
    for (std::size_t i = 0; i < shape.rows * shape.columns; ++i) {
      expected.data()[i] += static_cast<double>(start.data()[i]);
    }
    auto c = start;
    dfrot::multiply_transposed_accumulate(dfrot::reference::policy{}, a.view(), b.view(), c.view());
    CHECK(distance(c, expected, shape.depth) < tolerance_of<float>);
    for (int const threads : {1, 2, 5}) {
      auto again = start;
      dfrot::multiply_transposed_accumulate(dfrot::cpu::policy{threads}, a.view(), b.view(), again.view());
      CHECK(same_bytes(again, c));
    }
  }
}

TEST_CASE("Products leave the memory between rows alone", "[linalg][products]") {
  auto const a = gaussian_matrix<double>(150, 40, 1);
  auto const b = gaussian_matrix<double>(150, 40, 2);
  auto memory = gaussian_matrix<double>(31, 50, 3);
  auto const before = memory;
  matrix_view<double> const c(memory.data(), 31, 33, 50);
  matrix_view<double const> const left(a.data(), 150, 31, 40);
  matrix_view<double const> const right(b.data(), 150, 33, 40);
  dfrot::multiply_transposed_accumulate(dfrot::cpu::policy{2}, left, right, c);
  double sum = before(30, 32);
  for (std::size_t i = 0; i < 150; ++i) {
    sum += a(i, 30) * b(i, 32);
  }
  CHECK(std::abs(memory(30, 32) - sum) < 1e-12);
  dfrot::multiply(dfrot::cpu::policy{2}, matrix_view<double const>(a.data(), 31, 20, 40),
                  matrix_view<double const>(b.data(), 20, 33, 40), c);
  bool untouched = true;
  for (std::size_t i = 0; i < 31; ++i) {
    for (std::size_t j = 33; j < 50; ++j) {
      untouched = untouched && memory(i, j) == before(i, j);
    }
  }
  CHECK(untouched);
}

TEST_CASE("Float tokens are multiplied and added in float64", "[linalg][products]") {
  // 16385^2 has 29 significant bits, and the ordinary token would vanish beside it in float.
  matrix<float> a(3, 1);
  a(0, 0) = 16385.0f;
  a(1, 0) = 1.0f;
  a(2, 0) = 16385.0f;
  auto b = a;
  b(2, 0) = -16385.0f;
  matrix<double> c(1, 1);
  dfrot::multiply_transposed_accumulate(dfrot::cpu::policy{1}, a.view(), b.view(), c.view());
  CHECK(c(0, 0) == 1.0);
  matrix_view<float> const first(a.data(), 1, 1);
  dfrot::multiply_transposed_accumulate(dfrot::cpu::policy{1}, first, first, c.view());
  CHECK(c(0, 0) == 1.0 + 16385.0 * 16385.0);
}

TEMPLATE_TEST_CASE("A NaN reaches the results that depend on it, and no others", "[linalg][products]", float, double) {
  auto a = gaussian_matrix<TestType>(140, 130, 1);
  auto const b = gaussian_matrix<TestType>(130, 70, 2);
  a(135, 60) = std::numeric_limits<TestType>::quiet_NaN();
  matrix<TestType> c(140, 70);
  dfrot::multiply(dfrot::cpu::policy{2}, a.view(), b.view(), c.view());
  auto const d = gaussian_matrix<TestType>(140, 70, 3);
  matrix<double> sums(130, 70);
  dfrot::multiply_transposed_accumulate(dfrot::cpu::policy{2}, a.view(), d.view(), sums.view());
  std::size_t wrong = 0;
  for (std::size_t j = 0; j < 70; ++j) {
    for (std::size_t i = 0; i < 140; ++i) {
      wrong += std::isnan(c(i, j)) == (i == 135) ? 0 : 1;
    }
    for (std::size_t i = 0; i < 130; ++i) {
      wrong += std::isnan(sums(i, j)) == (i == 60) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Products refuse shapes that do not fit, and name them", "[linalg][products]") {
  dfrot::cpu::policy const on{1};
  matrix<float> const a(3, 4);
  matrix<float> const b(5, 6);
  matrix<float> c(3, 6);
  matrix<double> sums(4, 6);
  CHECK_THROWS_AS(dfrot::multiply(on, a.view(), b.view(), c.view()), std::invalid_argument);
  CHECK_THROWS_AS(dfrot::multiply(on, a.view(), a.view(), c.view()), std::invalid_argument);
  CHECK_THROWS_AS(dfrot::multiply_transposed_accumulate(on, a.view(), b.view(), sums.view()), std::invalid_argument);
  matrix_view<float const> const overlapping(a.data(), 3, 4, 3);
  matrix<float> const d(4, 6);
  CHECK_THROWS_AS(dfrot::multiply(on, overlapping, d.view(), c.view()), std::invalid_argument);
  try {
    dfrot::multiply(on, a.view(), b.view(), c.view());
  } catch (std::invalid_argument const& error) {
    CHECK(std::string(error.what()) == "cannot multiply 3 x 4 by 5 x 6 into 3 x 6");
  }
}

}  // namespace
