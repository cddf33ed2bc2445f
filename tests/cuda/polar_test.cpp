// The polar factor on a device. The device program calls cuBLAS and cuSOLVER; on the emulated device, their places are
// taken by loops of the host that sum in double: so what is proved there is the iteration and its calls, not the
// libraries' rounding.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cuda_refinement.cuh>
#include <limits>
#include <type_traits>

#include "cuda/on_device.hpp"

using namespace dfrot;
using namespace dfrot::test;

namespace {

template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-14;

template <class T>
matrix<T> polar_factor(matrix<T> const& c) {
  cuda::policy const on{};
  cuda::dense_algebra const algebra(on);
  auto const there = to_device(c);
  cuda::device_matrix<T> q(on, c.rows(), c.rows());
  cuda::nearest_orthogonal(algebra, there.view(), q.view());
  CHECK(cuda::orthogonality(algebra, q.view()) < tolerance<T>);
  return to_host(q);
}

/// sum_k s_k u_k v_k^T with the columns of two orthogonal matrices: C = U S V^T, whose factor is U V^T.
template <class T, class Values>
matrix<T> with_singular_values(matrix<double> const& u, matrix<double> const& v, Values const& value) {
  std::size_t const n = u.rows();
  matrix<T> c(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) {
        sum += value(k) * u(i, k) * v(j, k);
      }
      c(i, j) = static_cast<T>(sum);
    }
  }
  return c;
}

template <class T>
double largest_difference(matrix<T> const& a, matrix<T> const& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
    largest = std::fmax(largest, std::fabs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  }
  return largest;
}

}  // namespace

TEMPLATE_TEST_CASE("the device finds U V^T of U S V^T", "", float, double) {
  std::size_t const n = 48;
  auto const u = polar_factor(gaussian_matrix<double>(n, n, 1));
  auto const v = polar_factor(gaussian_matrix<double>(n, n, 2));
  auto const expected = with_singular_values<TestType>(u, v, [](std::size_t) { return 1.0; });
  for (double const power : {0.0, -1.0, -2.0}) {
    for (double const size : {1.0, 1e-30, 1e30}) {
      CAPTURE(power, size);
      auto const c = with_singular_values<TestType>(
          u, v, [&](std::size_t k) { return size * std::pow(static_cast<double>(k + 1), power); });
      // C itself is rounded, which moves the factor by as much times the condition.
      double const condition = std::pow(static_cast<double>(n), -power);
      CHECK(largest_difference(polar_factor(c), expected) < 4 * tolerance<TestType> * condition);
    }
  }
}

TEMPLATE_TEST_CASE("of a singular matrix, what is left open stays as near to the identity as can be", "", float,
                   double) {
  std::size_t const n = 40;
  auto const v = polar_factor(gaussian_matrix<double>(n, n, 3));
  // C = V S V^T with half of S zero: on its range the factor is the identity, and the rest is completed by the
  // identity.
  auto const c = with_singular_values<TestType>(v, v, [](std::size_t k) { return k % 2 == 0 ? 1.0 : 0.0; });
  matrix<TestType> identity(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    identity(i, i) = 1;
  }
  // What stands for zero in C is not exactly zero, and some of it stays.
  CHECK(largest_difference(polar_factor(c), identity) < (std::is_same_v<TestType, float> ? 2e-5 : 1e-8));
  CHECK(largest_difference(polar_factor(matrix<TestType>(n, n)), identity) == 0);
  // A completion that the identity has no part in: C takes one direction to another, and what is left is to swap back.
  matrix<TestType> swapped(2, 2);
  swapped(0, 1) = 1;
  auto const q = polar_factor(swapped);
  CHECK(std::fabs(static_cast<double>(q(0, 1)) - 1) < 4 * tolerance<TestType>);
}

TEST_CASE("one by one, and nothing, on the device") {
  for (double const value : {2.0, -3.0, 1e-300, -1e300, 0.0}) {
    matrix<double> c(1, 1);
    c(0, 0) = value;
    CHECK(std::fabs(polar_factor(c)(0, 0) - (value < 0 ? -1.0 : 1.0)) < tolerance<double>);
  }
  cuda::dense_algebra const algebra(cuda::policy{});
  cuda::device_matrix<double> none(cuda::policy{}, 0, 0);
  cuda::nearest_orthogonal(algebra, none.view(), none.view());
}

TEST_CASE("the result may replace its argument, and strides are kept, on the device") {
  std::size_t const n = 25;
  auto const c = gaussian_matrix<double>(n, n, 1);
  auto const expected = polar_factor(c);
  auto wide = gaussian_matrix<double>(n, n + 6, 2);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(&c(i, 0), n, &wide(i, 0));
  }
  auto there = to_device(wide);
  cuda::dense_algebra const algebra(cuda::policy{});
  matrix_view<double, device_space> const view(there.data(), n, n, n + 6);
  cuda::nearest_orthogonal(algebra, view, view);
  auto const found = to_host(there);
  double worst = 0;
  bool untouched = true;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      worst = std::fmax(worst, std::fabs(found(i, j) - expected(i, j)));
    }
    untouched = untouched && std::equal(&wide(i, n), &wide(i, n) + 6, &found(i, n));
  }
  CHECK(worst < 1e-12);
  CHECK(untouched);
}

TEST_CASE("a matrix that is not finite, not square, or does not fit is refused") {
  cuda::policy const on{};
  cuda::dense_algebra const algebra(on);
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    auto c = gaussian_matrix<float>(5, 5, 1);
    c(3, 2) = bad;
    auto there = to_device(c);
    CHECK_THROWS_WITH(cuda::nearest_orthogonal(algebra, there.view(), there.view()),
                      contains_text("in row 3, column 2 has no nearest orthogonal matrix"));
  }
  cuda::device_matrix<float> wide(on, 2, 3);
  CHECK_THROWS_WITH(cuda::nearest_orthogonal(algebra, wide.view(), wide.view()),
                    contains_text("of 2 x 3 does not exist"));
}

TEST_CASE("products of the device follow the row-major convention, strides and transposes included") {
  cuda::policy const on{};
  cuda::dense_algebra const algebra(on);
  auto const a = gaussian_matrix<double>(7, 9, 1);  // columns 1 … 5 of it are taken
  auto const b = gaussian_matrix<double>(4, 5, 2);
  auto const there_a = to_device(a);
  auto const there_b = to_device(b);
  auto there_c = to_device(gaussian_matrix<double>(7, 4, 3));
  auto const before = to_host(there_c);
  matrix_view<double const, device_space> const part(there_a.data() + 1, 7, 5, 9);
  algebra.multiply(2.0, cuda::op::none, part, cuda::op::transpose, there_b.view(), 3.0, there_c.view());
  auto const after = to_host(there_c);
  double worst = 0;
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      double sum = 3 * before(i, j);
      for (std::size_t k = 0; k < 5; ++k) {
        sum += 2 * a(i, k + 1) * b(j, k);
      }
      worst = std::fmax(worst, std::fabs(sum - after(i, j)));
    }
  }
  CHECK(worst < 1e-13);
}

TEST_CASE("the device lowers dominant singular values, and the polar factor stays") {
  std::size_t const n = 96;
  auto const u = polar_factor(gaussian_matrix<double>(n, n, 1));
  auto const v = polar_factor(gaussian_matrix<double>(n, n, 2));
  auto const bulk = [](std::size_t k) { return 1500 * std::exp(std::sin(0.7 * static_cast<double>(k))); };
  auto const c = with_singular_values<double>(u, v, [&](std::size_t k) {
    return k == 0 ? 1.6e8 : k < 3 ? 2e5 : bulk(k);
  });
  auto there = to_device(c);
  cuda::policy const on{};
  CHECK(cuda::deflate_dominant(cuda::dense_algebra(on), there.view()) == 3);
  auto const lowered = to_host(there);
  double squares = 0;
  for (std::size_t i = 0; i < n * n; ++i) {
    squares += lowered.data()[i] * lowered.data()[i];
  }
  CHECK(std::sqrt(squares / static_cast<double>(n)) < 4100);  // no value of the rest is larger
  auto const expected = with_singular_values<double>(u, v, [](std::size_t) { return 1.0; });
  CHECK(largest_difference(polar_factor(lowered), expected) < 2e-8);
}
