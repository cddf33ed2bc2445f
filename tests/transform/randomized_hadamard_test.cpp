#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <initializer_list>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

TEST_CASE("the signs are the seed's, about half of them negative") {
  randomized_hadamard const rotation(4096, 7);
  REQUIRE(rotation.size() == 4096);
  REQUIRE(rotation.signs().size == 4096);
  int sum = 0;
  for (std::size_t i = 0; i < 4096; ++i) {
    REQUIRE(rotation.signs()[i] == random_sign(7, random_stream::hadamard_signs, i));
    sum += rotation.signs()[i];
  }
  CHECK(std::abs(sum) < 5 * 64);  // five standard deviations
  randomized_hadamard const same(4096, 7);
  randomized_hadamard const other(4096, 8);
  CHECK(std::memcmp(rotation.signs().data, same.signs().data, 4096) == 0);
  CHECK(std::memcmp(rotation.signs().data, other.signs().data, 4096) != 0);
}

TEMPLATE_TEST_CASE("the dense matrix is bit for bit what apply makes of the identity", "", float, double, half,
                   bfloat16) {
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 2, 12, 28, 64, 92, 120, 288, 512, 576}) {
    CAPTURE(n);
    randomized_hadamard const rotation(n, 3);
    matrix<TestType> dense(n, n);
    rotation.to_dense(dense.view());
    auto const check = [&](auto const& on) {
      matrix<TestType> identity(n, n);
      for (std::size_t i = 0; i < n; ++i) {
        identity(i, i) = store<TestType>(1);
      }
      apply(on, rotation, identity.view());
      CHECK(std::memcmp(identity.data(), dense.data(), n * n * sizeof(TestType)) == 0);
    };
    check(reference::policy{});
    check(cpu::policy{2});
  }
}

TEMPLATE_TEST_CASE("apply is the product with the dense matrix, transposed with its transpose", "", float, double) {
  for (std::size_t const n : std::initializer_list<std::size_t>{12, 64, 172, 896}) {
    CAPTURE(n);
    randomized_hadamard const rotation(n, 11);
    matrix<double> dense(n, n);
    rotation.to_dense(dense.view());
    auto const start = gaussian_matrix<TestType>(3, n, 5);
    auto const check = [&](auto const& on) {
      auto forward = start;
      apply(on, rotation, forward.view());
      auto backward = start;
      apply(on, transposed(rotation), backward.view());
      double difference = 0;
      double norm = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          double expected_forward = 0;
          double expected_backward = 0;
          for (std::size_t k = 0; k < n; ++k) {
            expected_forward += static_cast<double>(start(i, k)) * dense(k, j);
            expected_backward += static_cast<double>(start(i, k)) * dense(j, k);
          }
          difference += std::pow(static_cast<double>(forward(i, j)) - expected_forward, 2) +
                        std::pow(static_cast<double>(backward(i, j)) - expected_backward, 2);
          norm += std::pow(expected_forward, 2) + std::pow(expected_backward, 2);
        }
      }
      CHECK(std::sqrt(difference / norm) < (std::is_same_v<TestType, double> ? 1e-14 : 1e-6));
    };
    check(reference::policy{});
    check(cpu::policy{2});
  }
}

TEST_CASE("a caller's workspace serves a rotation and its transpose") {
  randomized_hadamard const rotation(96, 1);
  auto const start = gaussian_matrix<bfloat16>(4, 96, 6);
  auto with = start;
  auto without = start;
  std::vector<float> workspace(2 * 96);
  vector_view<float> const view(workspace.data(), workspace.size());
  apply(cpu::policy{2}, rotation, with.view(), view);
  apply(cpu::policy{2}, rotation, without.view());
  CHECK(std::memcmp(with.data(), without.data(), 4 * 96 * sizeof(bfloat16)) == 0);
  apply(cpu::policy{2}, transposed(rotation), with.view(), view);
  apply(cpu::policy{2}, transposed(rotation), without.view());
  CHECK(std::memcmp(with.data(), without.data(), 4 * 96 * sizeof(bfloat16)) == 0);
}

TEST_CASE("wrong shapes and orders out of reach are rejected") {
  CHECK_THROWS_AS(randomized_hadamard(188, 1), std::invalid_argument);
  CHECK_THROWS_AS(randomized_hadamard(0, 1), std::invalid_argument);
  randomized_hadamard const rotation(64, 1);
  matrix<float> x(2, 60);
  CHECK_THROWS_AS(apply(cpu::policy{}, rotation, x.view()), std::invalid_argument);
  CHECK_THROWS_AS(apply(cpu::policy{}, transposed(rotation), x.view()), std::invalid_argument);
  CHECK_THROWS_AS(rotation.to_dense(x.view()), std::invalid_argument);
}
