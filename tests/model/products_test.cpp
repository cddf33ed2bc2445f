#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <dfrot/core/matrix.hpp>

#include "dfrot_llm/products.hpp"
#include "support/catch.hpp"

using namespace dfrot;

namespace {

/// Sixteenths from -2 to 2: their products are exact, and so are their sums in double.
template <class T>
matrix<T> numbers(std::size_t rows, std::size_t columns, std::uint32_t seed) {
  matrix<T> x(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    seed = seed * 1664525U + 1013904223U;
    x.data()[i] = static_cast<T>(static_cast<int>(seed >> 26U) - 32) / 16;
  }
  return x;
}

double exact_product(matrix<float> const& x, std::size_t i, matrix<float> const& w, std::size_t j) {
  double sum = 0;
  for (std::size_t c = 0; c < x.columns(); ++c) {
    sum += static_cast<double>(x(i, c)) * static_cast<double>(w(j, c));
  }
  return sum;
}

}  // namespace

TEST_CASE("products are those of the formula, in both libraries") {
  INFO(program::product_library());
  matrix<float> const x = numbers<float>(37, 576, 1);
  matrix<float> const w = numbers<float>(70, 576, 2);
  for (float const beta : {0.0F, 1.0F}) {
    matrix<float> y = numbers<float>(37, 70, 3);
    matrix<float> const before = y;
    program::multiply_by_transpose(x.view(), w.view(), beta, y.view());
    double worst = 0;
    for (std::size_t i = 0; i < y.rows(); ++i) {
      for (std::size_t j = 0; j < y.columns(); ++j) {
        double const exact = exact_product(x, i, w, j) + static_cast<double>(beta * before(i, j));
        worst = std::max(worst, std::abs(static_cast<double>(y(i, j)) - exact));
      }
    }
    CHECK(worst == 0);  // sums of 576 products are below 2^24 / 256
  }
}

TEST_CASE("plain products are the transposed ones of the transpose") {
  matrix<double> const x = numbers<double>(20, 33, 4);
  matrix<double> const m = numbers<double>(33, 50, 5);
  matrix<double> y(20, 50);
  program::multiply(x.view(), m.view(), y.view());
  double worst = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    for (std::size_t j = 0; j < 50; ++j) {
      double sum = 0;
      for (std::size_t c = 0; c < 33; ++c) {
        sum += x(i, c) * m(c, j);
      }
      worst = std::max(worst, std::abs(y(i, j) - sum));
    }
  }
  CHECK(worst == 0);
}

TEST_CASE("blocks of products have the same bytes on any number of threads") {
  matrix<float> x = numbers<float>(300, 130, 6);
  matrix<float> const w = numbers<float>(90, 130, 7);
  for (std::size_t i = 0; i < 300 * 130; ++i) {
    x.data()[i] = std::sin(x.data()[i]);  // sums round
  }
  auto const product = [&](int threads) {
    matrix<float> y(300, 90);
    program::for_each_block(threads, 10, [&](std::size_t block) {
      program::multiply_by_transpose(x.view().row_block(30 * block, 30), w.view(), 0,
                                     y.view().row_block(30 * block, 30));
    });
    return y;
  };
  matrix<float> const one = product(1);
  for (int const threads : {2, 3, 8}) {
    matrix<float> const several = product(threads);
    CHECK(std::equal(one.data(), one.data() + 300 * 90, several.data()));
  }
}
