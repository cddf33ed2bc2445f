#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <limits>
#include <stdexcept>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace {

using dfrot::dense_rotation;
using dfrot::matrix;
using dfrot::matrix_view;
using dfrot::random_orthogonal;
using dfrot::test::gaussian_matrix;

constexpr dfrot::reference::policy on{};

template <class T>
double largest_difference(matrix<T> const& a, matrix<T> const& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  }
  return largest;
}

/// x R, or x R^T, with plain loops.
template <class T>
matrix<T> rotated(matrix<T> const& x, matrix<T> const& r, bool transpose) {
  matrix<T> y(x.rows(), x.columns());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < x.columns(); ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < x.columns(); ++k) {
        sum += static_cast<double>(x(i, k)) * static_cast<double>(transpose ? r(j, k) : r(k, j));
      }
      y(i, j) = static_cast<T>(sum);
    }
  }
  return y;
}

TEMPLATE_TEST_CASE("apply multiplies rows by R, apply_transpose by its transpose", "[linalg][dense_rotation]", float,
                   double) {
  double const tolerance = 40 * static_cast<double>(std::numeric_limits<TestType>::epsilon());
  for (std::size_t const n : {std::size_t{1}, std::size_t{5}, std::size_t{64}}) {
    for (std::size_t const rows : {std::size_t{0}, std::size_t{1}, std::size_t{129}, std::size_t{300}}) {
      auto const r = random_orthogonal<TestType>(on, n, 1);
      dense_rotation<TestType> const rotation(r);
      REQUIRE(rotation.size() == n);
      auto const x = gaussian_matrix<TestType>(rows, n, 2);
      CAPTURE(n, rows);

      auto y = x;
      rotation.apply(on, y.view());
      CHECK(largest_difference(y, rotated(x, r, false)) < tolerance);
      rotation.apply_transpose(on, y.view());
      CHECK(largest_difference(y, x) < tolerance);
      auto z = x;
      rotation.apply_transpose(on, z.view());
      CHECK(largest_difference(z, rotated(x, r, true)) < tolerance);
    }
  }
}

TEST_CASE("A dense rotation gives the same bits for any number of threads", "[linalg][dense_rotation]") {
  dense_rotation<float> const rotation(random_orthogonal<float>(on, 70, 1));
  auto const x = gaussian_matrix<float>(700, 70, 2);
  auto expected = x;
  rotation.apply(on, expected.view());
  for (int const threads : {1, 2, 5}) {
    auto y = x;
    rotation.apply(dfrot::cpu::policy{threads}, y.view());
    CHECK(std::memcmp(y.data(), expected.data(), 700 * 70 * sizeof(float)) == 0);
  }
}

TEST_CASE("A dense rotation leaves the memory between rows alone", "[linalg][dense_rotation]") {
  auto const r = random_orthogonal<double>(on, 6, 3);
  dense_rotation<double> const rotation(r);
  auto memory = gaussian_matrix<double>(200, 9, 4);
  auto const before = memory;
  rotation.apply(dfrot::cpu::policy{2}, matrix_view<double>(memory.data(), 200, 6, 9));
  double largest = 0;
  bool untouched = true;
  for (std::size_t i = 0; i < 200; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < 6; ++k) {
      sum += before(i, k) * r(k, 5);
    }
    largest = std::max(largest, std::abs(memory(i, 5) - sum));
    for (std::size_t j = 6; j < 9; ++j) {
      untouched = untouched && memory(i, j) == before(i, j);
    }
  }
  CHECK(largest < 1e-14);
  CHECK(untouched);
}

TEST_CASE("Orthogonality measures the distance from a rotation", "[linalg][orthogonality]") {
  dense_rotation<double> const rotation(random_orthogonal<double>(on, 40, 1));
  CHECK(rotation.orthogonality(on) < 1e-14);

  matrix<double> scaled(4, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    scaled(i, i) = 1.1;
  }
  CHECK(std::abs(dfrot::orthogonality(on, scaled.view()) - 0.21) < 1e-14);
  CHECK(dfrot::orthogonality(on, matrix<float>(3, 3).view()) == 1.0);
  scaled(1, 2) = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(dfrot::orthogonality(on, scaled.view())));
  CHECK_THROWS_AS(dfrot::orthogonality(on, matrix<float>(3, 2).view()), std::invalid_argument);
  CHECK_THROWS_AS(dfrot::orthogonality(on, matrix<float>().view()), std::invalid_argument);
}

TEST_CASE("A dense rotation refuses shapes that do not fit", "[linalg][dense_rotation]") {
  CHECK_THROWS_AS(dense_rotation<float>(matrix<float>(3, 4)), std::invalid_argument);
  CHECK_THROWS_AS(dense_rotation<float>(matrix<float>()), std::invalid_argument);
  dense_rotation<float> const rotation(random_orthogonal<float>(on, 5, 1));
  matrix<float> x(2, 4);
  CHECK_THROWS_AS(rotation.apply(on, x.view()), std::invalid_argument);
  CHECK_THROWS_AS(rotation.apply_transpose(on, x.view()), std::invalid_argument);
}

}  // namespace
