#include <cmath>
#include <cstddef>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/model_sizes.hpp"
#include "support/sign_matrices.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

/// ||y - x M|| / ||x M|| over about 24 columns spread over the matrix M(k, j), with the product taken in double.
template <class Entry>
double distance_from_dense_product(matrix<float> const& x, matrix<float> const& y, Entry const& entry) {
  std::size_t const n = x.columns();
  double difference = 0;
  double norm = 0;
  for (std::size_t j = 0; j < n; j += n / 24 + 1) {
    for (std::size_t i = 0; i < x.rows(); ++i) {
      double expected = 0;
      for (std::size_t k = 0; k < n; ++k) {
        expected += static_cast<double>(x(i, k)) * entry(k, j);
      }
      difference += std::pow(static_cast<double>(y(i, j)) - expected, 2);
      norm += expected * expected;
    }
  }
  return std::sqrt(difference / norm);
}

double row_norm(matrix<float> const& x, std::size_t i) {
  double sum = 0;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    sum += std::pow(static_cast<double>(x(i, j)), 2);
  }
  return std::sqrt(sum);
}

double distance(matrix<float> const& x, matrix<float> const& y) {
  double difference = 0;
  double norm = 0;
  for (std::size_t k = 0; k < x.rows() * x.columns(); ++k) {
    difference += std::pow(static_cast<double>(x.data()[k]) - static_cast<double>(y.data()[k]), 2);
    norm += std::pow(static_cast<double>(y.data()[k]), 2);
  }
  return std::sqrt(difference / norm);
}

template <class P>
void check_rotation(P const& on, randomized_hadamard const& rotation) {
  std::size_t const n = rotation.size();
  double const scale = 1 / std::sqrt(static_cast<double>(n));
  auto const entry = [&](std::size_t k, std::size_t j) {
    return scale * rotation.signs()[k] * rotation.order().sign(k, j);
  };
  auto const start = gaussian_matrix<float>(2, n, n);
  auto forward = start;
  rotation.apply(on, forward.view());
  CHECK(distance_from_dense_product(start, forward, entry) < 1e-6);
  CHECK(std::fabs(row_norm(forward, 0) / row_norm(start, 0) - 1) < 1e-6);
  CHECK(std::fabs(row_norm(forward, 1) / row_norm(start, 1) - 1) < 1e-6);
  auto backward = start;
  rotation.apply_transpose(on, backward.view());
  CHECK(distance_from_dense_product(start, backward, [&](std::size_t k, std::size_t j) { return entry(j, k); }) < 1e-6);
  rotation.apply_transpose(on, forward.view());
  CHECK(distance(forward, start) < 1e-6);
}

}  // namespace

TEST_CASE("H H^T = n I, in integers, for every order up to 1024 that can be constructed") {
  std::size_t orders = 0;
  for (std::size_t n = 1; n <= 1024; ++n) {
    if (!hadamard_order::is_constructible(n)) {
      continue;
    }
    ++orders;
    hadamard_order const order(n);
    CAPTURE(n, order.construction_name());
    REQUIRE(dfrot::test::count_wrong_row_products(n, [&order](auto i, auto j) { return order.sign(i, j); }) == 0);
  }
  CHECK(orders == 2 + 256 - 52);  // 1, 2, and the multiples of 4 but 52
}

TEST_CASE(
    "at the sizes of published models: apply is the dense product, preserves norms, and its transpose undoes it") {
  for (std::size_t const n : dfrot::test::model_sizes) {
    CAPTURE(n);
    randomized_hadamard const rotation(n, 5);
    check_rotation(cpu::policy{2}, rotation);
    check_rotation(reference::policy{}, rotation);
  }
}
