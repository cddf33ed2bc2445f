// WUSH: both sides have the same second moments with a flat diagonal, the product of norms is the least, and the layer is kept.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/linalg/symmetric_eigen.hpp>
#include <dfrot/optimize/transforms/wush.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/layer_law.hpp"

using namespace dfrot;
using dfrot::test::change_of_layer;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

constexpr reference::policy on{};

/// Rows with outlier channels, whose channels are correlated.
template <class T>
matrix<T> some_rows(std::size_t rows, std::size_t n, std::uint64_t seed) {
  auto x = gaussian_matrix<T>(rows, n, seed);
  for (std::size_t i = 0; i < rows; ++i) {
    x(i, 1 + seed % 3) *= 20;
    for (std::size_t j = 1; j < n; ++j) {
      x(i, j) += x(i, j - 1) / 2;
    }
  }
  return x;
}

template <class T>
double gram(matrix<T> const& x, std::size_t j, std::size_t k) {
  double sum = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    sum += static_cast<double>(x(i, j)) * static_cast<double>(x(i, k));
  }
  return sum;
}

double norms(matrix<double> const& x, matrix<double> const& w, std::size_t first, std::size_t count) {
  double a = 0;
  double b = 0;
  for (std::size_t j = first; j < first + count; ++j) {
    a += gram(x, j, j);
    b += gram(w, j, j);
  }
  return a * b;
}

}  // namespace

TEST_CASE("eigenvectors rebuild their matrix", "[wush]") {
  auto const x = gaussian_matrix<double>(9, 6, 1);
  matrix<double> a(6, 6);
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < 6; ++j) {
      a(i, j) = gram(x, i, j);
    }
  }
  matrix<double> u(6, 6);
  std::vector<double> l(6);
  symmetric_eigen(a.view(), u.view(), vector_view<double>(l.data(), 6));
  CHECK(std::is_sorted(l.begin(), l.end()));
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < 6; ++j) {
      double sum = 0;
      double dot = 0;
      for (std::size_t k = 0; k < 6; ++k) {
        sum += u(i, k) * l[k] * u(j, k);
        dot += u(i, k) * u(j, k);
      }
      CHECK(std::abs(sum - a(i, j)) < 1e-12);
      CHECK(std::abs(dot - (i == j ? 1 : 0)) < 1e-13);
    }
  }
  a(2, 3) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(symmetric_eigen(a.view(), u.view(), vector_view<double>(l.data(), 6)), contains_text("row 2"));
}

TEST_CASE("WUSH makes the second moments of both sides equal and flat", "[wush]") {
  std::size_t const n = 32;
  std::size_t const b = 8;
  auto const x = some_rows<double>(50, n, 3);
  auto const w = some_rows<double>(40, n, 4);
  auto const transform = wush(on, x.view(), w.view(), b, 0);
  auto y = x;
  auto v = w;
  apply(on, transform, y.view());
  apply_to_weight(on, transform, v.view());
  for (std::size_t first = 0; first < n; first += b) {
    double const size = gram(y, first, first);
    for (std::size_t j = first; j < first + b; ++j) {
      CHECK(std::abs(gram(y, j, j) / size - 1) < 1e-9);
      for (std::size_t k = first; k < first + b; ++k) {
        CHECK(std::abs(gram(y, j, k) - gram(v, j, k)) < 1e-9 * size);
      }
    }
    CHECK(norms(y, v, first, b) < (first == 0 ? 0.5 : 1.0) * norms(x, w, first, b));
  }
  // No transform near it has a smaller product of norms.
  for (double const change : {1e-3, -1e-3}) {
    for (std::size_t j = 0; j < b; ++j) {
      auto y2 = y;
      auto v2 = v;
      for (std::size_t i = 0; i < y.rows(); ++i) {
        y2(i, j) += change * y(i, (j + 3) % b);
      }
      for (std::size_t i = 0; i < v.rows(); ++i) {
        v2(i, (j + 3) % b) -= change * v(i, j);
      }
      CHECK(norms(y2, v2, 0, b) > norms(y, v, 0, b));
    }
  }
  auto const x_float = some_rows<float>(50, n, 3);
  auto const w_float = some_rows<float>(40, n, 4);
  CHECK(change_of_layer(on, wush(on, x_float.view(), w_float.view(), b), x_float, w_float) < 1e-5);
}

TEST_CASE("WUSH of dead channels, no tokens, one token, odd sizes and NaN", "[wush]") {
  auto const w = gaussian_matrix<float>(5, 16, 6);
  auto x = gaussian_matrix<float>(1, 16, 7);
  auto const others = gaussian_matrix<float>(4, 16, 8);
  CHECK(change_of_layer(on, wush(on, x.view(), w.view(), 8), others, w) < 1e-5);  // one token
  x(0, 3) = 0;
  CHECK(change_of_layer(on, wush(on, x.view(), w.view(), 8), others, w) < 1e-5);
  matrix<float> const none(0, 16);
  CHECK(change_of_layer(on, wush(on, none.view(), w.view(), 8), others, w) < 1e-5);
  CHECK(change_of_layer(on, wush(on, x.view(), none.view(), 8), others, w) < 1e-5);
  CHECK_THROWS_WITH(wush(on, x.view(), w.view(), 12), contains_text("blocks of 12 channels in 16"));
  CHECK_THROWS_WITH(wush(on, x.view(), w.view(), 8, -1), contains_text("the damping is -1"));
  x(0, 9) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(wush(on, x.view(), w.view(), 8), contains_text("row 0, column 9"));

  matrix<double> square(4, 2);
  square(0, 0) = square(1, 1) = square(2, 0) = square(3, 1) = 1;
  auto wrong = square;
  wrong(2, 1) = 0.5;
  CHECK_THROWS_WITH(block_linear(square, wrong), contains_text("a block and its inverse transpose: row 0"));
  CHECK_THROWS_WITH(block_linear(matrix<double>(3, 2), matrix<double>(3, 2)),
                    contains_text("blocks of 2 channels in 3"));
}
