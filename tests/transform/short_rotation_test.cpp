#include <cmath>
#include <cstring>
#include <dfrot/backend/cpu/short_rotation.hpp>
#include <dfrot/backend/reference/low_rank.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/transform/low_rank_compose.hpp>
#include <dfrot/transform/short_rotation.hpp>
#include <limits>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

/// Rotations by one angle in the planes of neighbouring directions: an orthogonal matrix that is not symmetric.
matrix<double> turn_of(std::size_t r, double angle) {
  matrix<double> s(r, r);
  for (std::size_t k = 0; k < r; ++k) {
    s(k, k) = 1;
  }
  for (std::size_t k = 0; k + 1 < r; ++k) {
    for (std::size_t i = 0; i < r; ++i) {
      double const a = s(i, k);
      double const b = s(i, k + 1);
      s(i, k) = std::cos(angle) * a - std::sin(angle) * b;
      s(i, k + 1) = std::sin(angle) * a + std::cos(angle) * b;
    }
  }
  return s;
}

low_rank_rotation random_turn(std::size_t n, std::vector<std::size_t> const& axes, std::size_t dense,
                              std::uint64_t seed) {
  auto basis = orthonormal_rows(gaussian_matrix<double>(dense, n, seed), axes);
  std::size_t const r = axes.size() + basis.rows();
  return {n, axes, std::move(basis), turn_of(r, 0.7)};
}

/// x R in double from the dense matrix.
matrix<double> times(matrix<double> const& x, matrix<double> const& r) {
  matrix<double> y(x.rows(), r.columns());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t k = 0; k < x.columns(); ++k) {
      for (std::size_t j = 0; j < r.columns(); ++j) {
        y(i, j) += x(i, k) * r(k, j);
      }
    }
  }
  return y;
}

template <class T>
matrix<double> widened(matrix<T> const& x) {
  matrix<double> y(x.rows(), x.columns());
  for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
    y.data()[i] = static_cast<double>(load(x.data()[i]));
  }
  return y;
}

/// The largest distance of two rows, relative to the norm of the second.
double row_distance(matrix<double> const& a, matrix<double> const& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.rows(); ++i) {
    double gap = 0;
    double norm = 0;
    for (std::size_t j = 0; j < a.columns(); ++j) {
      gap += (a(i, j) - b(i, j)) * (a(i, j) - b(i, j));
      norm += b(i, j) * b(i, j);
    }
    largest = std::max(largest, std::sqrt(gap / norm));
  }
  return largest;
}

template <class T>
double tolerance() {
  return std::is_same_v<T, double> ? 1e-14 : std::is_same_v<T, float> ? 1e-6 : std::is_same_v<T, half> ? 2e-3 : 1.6e-2;
}

}  // namespace

TEST_CASE("a low-rank rotation is orthogonal, and turns what its formula says") {
  std::size_t const n = 20;
  auto const g = random_turn(n, {3, 11}, 2, 5);
  CHECK(g.size() == n);
  CHECK(g.rank() == 4);
  matrix<double> dense(n, n);
  g.to_dense(dense.view());
  matrix<double> transposed(n, n);
  matrix<double> expected(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      transposed(i, j) = dense(j, i);
      expected(i, j) = i == j;
      for (std::size_t k = 0; k < 4; ++k) {
        for (std::size_t l = 0; l < 4; ++l) {
          expected(i, j) += g.column(k, i) * (g.turn()(k, l) - (k == l)) * g.column(l, j);
        }
      }
    }
  }
  matrix<double> identity(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    identity(i, i) = 1;
  }
  CHECK(row_distance(dense, expected) < 1e-14);
  CHECK(row_distance(times(dense, transposed), identity) < 1e-14);
}

TEMPLATE_TEST_CASE("low-rank rows agree with the dense product, and the transpose undoes them", "", float, double, half,
                   bfloat16) {
  for (std::size_t const n : {1U, 7U, 16U, 33U, 96U, 300U}) {
    for (auto const& [axes, dense] : {std::pair<std::size_t, std::size_t>{0, 1}, {1, 0}, {1, 1}, {2, 3}, {1, 9}}) {
      if (axes + dense > n) {
        continue;
      }
      auto const g = axes == 0   ? random_turn(n, {}, dense, n)
                     : axes == 1 ? random_turn(n, {n - 1}, dense, n)
                                 : random_turn(n, {n - 1, n / 2}, dense, n);
      auto const x = gaussian_matrix<TestType>(5, n, 8);
      matrix<double> r(n, n);
      g.to_dense(r.view());
      auto const expected = times(widened(x), r);
      auto by_reference = x;
      apply(reference::policy{}, g, by_reference.view());
      auto by_cpu = x;
      apply(cpu::policy{2}, g, by_cpu.view());
      auto by_plain = x;
      apply(cpu::basic_policy<cpu::portable>{1}, g, by_plain.view());
      CAPTURE(n, axes, dense);
      CHECK(row_distance(widened(by_reference), expected) < tolerance<TestType>());
      CHECK(row_distance(widened(by_cpu), expected) < 2 * tolerance<TestType>());
      CHECK(row_distance(widened(by_plain), expected) < 2 * tolerance<TestType>());
      apply(cpu::policy{2}, transposed(g), by_cpu.view());
      CHECK(row_distance(widened(by_cpu), widened(x)) < 4 * tolerance<TestType>());
    }
  }
}

TEMPLATE_TEST_CASE("a short rotation is the dense product to 1e-6", "", float, double, half, bfloat16) {
  for (std::size_t const n : {1U, 2U, 8U, 12U, 64U, 96U, 256U, 512U, 896U, 1024U}) {
    for (std::size_t const dense : {0U, 1U, 3U}) {
      if (dense + 1 > n) {
        continue;
      }
      short_rotation const rotation(randomized_hadamard(n, 4), random_turn(n, {n / 3}, dense, n));
      CHECK(rotation.rank() == dense + 1);
      auto const x = gaussian_matrix<TestType>(3, n, 8);
      // G R_0 from the two dense matrices, which no kernel of short_rotation has touched.
      matrix<double> g(n, n);
      rotation.low_rank_part().to_dense(g.view());
      matrix<double> hadamard(n, n);
      rotation.hadamard_part().to_dense(hadamard.view());
      auto const expected = times(times(widened(x), g), hadamard);
      matrix<double> r(n, n);
      to_dense(reference::policy{}, rotation, r.view());
      CAPTURE(n, dense);
      CHECK(row_distance(times(widened(x), r), expected) < 1e-13);
      auto by_reference = x;
      apply(reference::policy{}, rotation, by_reference.view());
      CHECK(row_distance(widened(by_reference), expected) < tolerance<TestType>());
      auto rotated = x;
      apply(cpu::policy{2}, rotation, rotated.view());
      CHECK(row_distance(widened(rotated), expected) < tolerance<TestType>());
      auto one_thread = x;
      apply(cpu::policy{1}, rotation, one_thread.view());
      CHECK(std::memcmp(rotated.data(), one_thread.data(), 3 * n * sizeof(TestType)) == 0);
      auto back = rotated;
      apply(reference::policy{}, transposed(rotation), back.view());
      CHECK(row_distance(widened(back), widened(x)) < 3 * tolerance<TestType>());
      apply(cpu::policy{2}, transposed(rotation), rotated.view());
      CHECK(row_distance(widened(rotated), widened(x)) < 3 * tolerance<TestType>());
    }
  }
}

TEMPLATE_LIST_TEST_CASE("every instruction set turns a short rotation's rows alike, padding left alone", "",
                        test::instruction_sets) {
  for (std::size_t const n : {4U, 40U, 1024U, 4096U, 14336U}) {
    short_rotation const rotation(randomized_hadamard(n, 4), random_turn(n, {n - 1}, 1, n));
    auto const source = gaussian_matrix<float>(2, n + 3, 8);
    auto x = source;
    matrix_view<float> const rows(x.data(), 2, n, n + 3);  // unaligned: the second row is 3 values further
    apply(cpu::basic_policy<TestType>{2}, rotation, rows);
    auto expected = widened(source);
    apply(reference::policy{}, rotation, matrix_view<double>(expected.data(), 2, n, n + 3));
    CAPTURE(n);
    CHECK(row_distance(widened(x), expected) < 1e-6);
    CHECK(std::memcmp(x.data() + n, source.data() + n, 3 * sizeof(float)) == 0);
  }
}

TEST_CASE("composing multiplies the rotations in their joint space") {
  std::size_t const n = 24;
  auto const first = random_turn(n, {3}, 2, 1);
  auto const second = random_turn(n, {3, 7}, 1, 2);
  auto const both = compose(first, second);
  CHECK(both.rank() == 5);  // axes 3 and 7, three other directions
  CHECK(both.axes() == std::vector<std::size_t>{3, 7});
  auto const dense = [](low_rank_rotation const& g) {
    matrix<double> result(n, n);
    g.to_dense(result.view());
    return result;
  };
  CHECK(row_distance(dense(both), times(dense(first), dense(second))) < 1e-13);
  CHECK(compose(first, first).rank() == 3);
  CHECK(row_distance(dense(compose(first, first)), times(dense(first), dense(first))) < 1e-13);
  CHECK(row_distance(dense(compose(low_rank_rotation(n), first)), dense(first)) < 1e-13);

  short_rotation const rotation(randomized_hadamard(n, 4), first);
  auto x = gaussian_matrix<double>(4, n, 3);
  auto y = x;
  apply(cpu::policy{}, compose(second, rotation), x.view());
  apply(cpu::policy{}, second, y.view());
  apply(cpu::policy{}, rotation, y.view());
  CHECK(row_distance(x, y) < 1e-13);
}

TEST_CASE("a row of zeros stays zero, and a NaN stays in its row") {
  short_rotation const rotation(randomized_hadamard(64, 4), random_turn(64, {5}, 1, 1));
  matrix<float> x(3, 64);
  x(1, 7) = std::numeric_limits<float>::quiet_NaN();
  apply(cpu::policy{}, rotation, x.view());
  for (std::size_t j = 0; j < 64; ++j) {
    CHECK(x(0, j) == 0);
    CHECK(std::isnan(x(1, j)));
    CHECK(x(2, j) == 0);
  }
}

TEST_CASE("what is no low-rank rotation is rejected by name") {
  auto const basis = [](double value) {
    matrix<double> result(1, 4);
    result(0, 1) = value;
    return result;
  };
  CHECK_NOTHROW(low_rank_rotation(4, {0}, basis(1), turn_of(2, 1)));
  CHECK_THROWS_WITH(low_rank_rotation(4, {4}, basis(1), turn_of(2, 1)), test::contains_text("the axis 4"));
  CHECK_THROWS_WITH(low_rank_rotation(4, {0, 0}, basis(1), turn_of(3, 1)), test::contains_text("axis 0 twice"));
  CHECK_THROWS_WITH(low_rank_rotation(4, {1}, basis(1), turn_of(2, 1)), test::contains_text("must be 0"));
  CHECK_THROWS_WITH(low_rank_rotation(4, {0}, basis(0.9), turn_of(2, 1)), test::contains_text("not orthonormal"));
  CHECK_THROWS_WITH(low_rank_rotation(4, {0}, basis(std::nan("")), turn_of(2, 1)),
                    test::contains_text("not orthonormal"));
  CHECK_THROWS_WITH(low_rank_rotation(4, {0}, basis(1), turn_of(3, 1)), test::contains_text("2 x 2"));
  CHECK_THROWS_WITH(low_rank_rotation(65, {}, gaussian_matrix<double>(65, 65, 1), turn_of(65, 1)),
                    test::contains_text("at most 64"));
  CHECK_THROWS_AS(short_rotation(randomized_hadamard(8, 1), low_rank_rotation(4)), std::invalid_argument);
  CHECK_THROWS_AS(compose(low_rank_rotation(8), low_rank_rotation(4)), std::invalid_argument);
  matrix<float> x(2, 8);
  CHECK_THROWS_AS(apply(cpu::policy{}, low_rank_rotation(4), x.view()), std::invalid_argument);
  CHECK_THROWS_AS(apply(cpu::policy{}, short_rotation(randomized_hadamard(4, 1)), x.view()), std::invalid_argument);
  CHECK_THROWS_AS(apply(cpu::policy{0}, low_rank_rotation(8), x.view()), std::invalid_argument);
}
