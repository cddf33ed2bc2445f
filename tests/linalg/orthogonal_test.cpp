#include <Eigen/Core>
#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/detail/serial_eigen.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace {

using dfrot::random_orthogonal;

constexpr dfrot::reference::policy on{};
constexpr Eigen::Index order = 8;
constexpr std::uint64_t sample_count = 20000;

/// One number computed from a matrix, and its mean over the Haar measure on O(8).
struct statistic {
  std::string name;
  double expected;
  double sum = 0;
  double sum_of_squares = 0;

  void add(double value) {
    sum += value;
    sum_of_squares += value * value;
  }
  /// Distance of the sample mean from the expected one in standard errors, estimated from the sample.
  [[nodiscard]] double deviation() const {
    auto const count = static_cast<double>(sample_count);
    double const mean = sum / count;
    double const variance = sum_of_squares / count - mean * mean;
    return (mean - expected) / std::sqrt(variance / count);
  }
};

/// Moments of the entries (Collins, Śniady 2006) and of tr Q^k (Diaconis, Evans 2001): for 2 k <= n, tr Q^k has mean
/// eta_k = (k even) and variance k, as for a normal variable. Eigenvalues at independent angles would give the variance n:
/// the small k is their repulsion.
class haar_statistics {
 public:
  void add(Eigen::MatrixXd const& q) {
    std::size_t next = 0;
    auto const put = [&](double value) { statistics_[next++].add(value); };
    Eigen::Index const last = order - 1;
    put(q(0, 0));
    put(q(last, last));
    put(q(0, last));
    put(q(0, 0) * q(0, 0));
    put(q(last, last) * q(last, last));
    put(q(3, 4) * q(3, 4));
    put(q.array().square().square().mean());
    put(q(0, 0) * q(0, 0) * q(0, 1) * q(0, 1));
    put(q(0, 0) * q(0, 0) * q(1, 1) * q(1, 1));
    put(q(0, 0) * q(0, 1) * q(1, 0) * q(1, 1));
    put(q(last, last) * q(0, 0));
    Eigen::MatrixXd power = q;
    for (int k = 1; k <= 4; ++k) {
      double const trace = power.trace();
      double const mean = k % 2 == 0 ? 1.0 : 0.0;
      put(trace);
      put((trace - mean) * (trace - mean));
      power = power * q;
    }
    put(q.determinant());
  }

  [[nodiscard]] std::vector<statistic> const& all() const { return statistics_; }

  [[nodiscard]] double largest_deviation() const {
    double largest = 0;
    for (auto const& one : statistics_) {
      largest = std::max(largest, std::abs(one.deviation()));
    }
    return largest;
  }

 private:
  static constexpr double n = static_cast<double>(order);
  std::vector<statistic> statistics_ = {
      {"first entry", 0},
      {"last entry", 0},
      {"corner entry", 0},
      {"first entry squared", 1 / n},
      {"last entry squared", 1 / n},
      {"middle entry squared", 1 / n},
      {"fourth moment", 3 / (n * (n + 2))},
      {"squares in a row", 1 / (n * (n + 2))},
      {"squares on the diagonal", (n + 1) / (n * (n - 1) * (n + 2))},
      {"a two by two minor's product", -1 / (n * (n - 1) * (n + 2))},
      {"first times last entry", 0},
      {"tr Q", 0},
      {"variance of tr Q", 1},
      {"tr Q^2", 1},
      {"variance of tr Q^2", 2},
      {"tr Q^3", 0},
      {"variance of tr Q^3", 3},
      {"tr Q^4", 1},
      {"variance of tr Q^4", 4},
      {"determinant", 0},
  };
};

Eigen::MatrixXd haar_matrix(std::uint64_t seed) {
  auto const q = random_orthogonal<double>(on, static_cast<std::size_t>(order), seed);
  return dfrot::as_eigen(q.view());
}

/// A Gaussian matrix of its own random numbers.
Eigen::MatrixXd gaussian(std::uint64_t seed) {
  auto const values = dfrot::test::gaussian_matrix<double>(order, order, seed);
  return dfrot::as_eigen(values.view());
}

/// One parallel region around all samples: thousands of small matrices would spend the time on entering one each.
template <class Body>
void for_each_seed(Body const& body) {
  dfrot::detail::run_serial_eigen([&] {
    for (std::uint64_t seed = 0; seed < sample_count; ++seed) {
      body(seed);
    }
  });
}

TEST_CASE("Random orthogonal matrices are uniformly distributed", "[linalg][orthogonal]") {
  haar_statistics haar;
  for_each_seed([&](std::uint64_t seed) { haar.add(haar_matrix(seed)); });
  for (auto const& one : haar.all()) {
    CAPTURE(one.name);
    CHECK(std::abs(one.deviation()) < 5.0);
  }
}

TEST_CASE("The statistics tell wrong distributions from the uniform one", "[linalg][orthogonal]") {
  haar_statistics uncorrected;  // Householder QR without the signs of R
  haar_statistics rotations;    // determinant 1 only
  haar_statistics reflections;  // eigenvalues 1 and -1 at random in a random basis: no repulsion
  for_each_seed([&](std::uint64_t seed) {
    Eigen::MatrixXd const a = gaussian(seed);
    uncorrected.add(Eigen::HouseholderQR<Eigen::MatrixXd>(a).householderQ());
    Eigen::MatrixXd q = haar_matrix(seed);
    reflections.add(q * a.row(0).cwiseSign().asDiagonal() * q.transpose());
    q.col(0) *= q.determinant();
    rotations.add(q);
  });
  CHECK(uncorrected.largest_deviation() > 10.0);
  CHECK(rotations.largest_deviation() > 10.0);
  CHECK(reflections.largest_deviation() > 10.0);
}

TEST_CASE("Random orthogonal matrices are orthogonal", "[linalg][orthogonal]") {
  for (std::size_t const n : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{17}, std::size_t{130}}) {
    auto const exact = random_orthogonal<double>(on, n, 1);
    auto const rounded = random_orthogonal<float>(on, n, 1);
    CAPTURE(n);
    CHECK(dfrot::orthogonality(on, exact.view()) < 1e-14);
    CHECK(dfrot::orthogonality(on, rounded.view()) < 6e-7);
    double largest = 0;
    for (std::size_t i = 0; i < n * n; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(rounded.data()[i]) - exact.data()[i]));
    }
    CHECK(largest < 1e-6);  // float and double results of one seed are the same rotation but for rounding
  }
}

TEST_CASE("A random orthogonal matrix is the orthogonal factor of a Gaussian one", "[linalg][orthogonal]") {
  // Reflection by reflection, without blocks: Q = H_1 D_1 … H_n D_n, H_k D_k maps the first axis to x_k / ||x_k||.
  constexpr std::size_t n = 131;  // two blocks
  Eigen::MatrixXd expected = Eigen::MatrixXd::Identity(n, n);
  for (std::size_t k = n; k-- > 0;) {
    auto const size = static_cast<Eigen::Index>(n - k);
    Eigen::VectorXd x(size);
    for (std::size_t i = 0; i < n - k; ++i) {
      x[static_cast<Eigen::Index>(i)] =
          dfrot::gaussian_block(4, dfrot::random_stream::orthogonal, i / 4, static_cast<std::uint32_t>(k)).value[i % 4];
    }
    double const sign = x[0] < 0 ? -1 : 1;
    Eigen::VectorXd v = x / x.norm();
    v[0] += sign;
    auto trailing = expected.bottomRightCorner(size, size);
    trailing.row(0) *= -sign;
    trailing -= (v * (2 / v.squaredNorm())) * (v.transpose() * trailing).eval();
    CHECK((trailing.col(0) - x / x.norm()).norm() < 1e-14);
  }
  auto const q = random_orthogonal<double>(on, n, 4);
  CHECK((dfrot::as_eigen(q.view()) - expected).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("A random orthogonal matrix of order one is a random sign", "[linalg][orthogonal]") {
  double sum = 0;
  double sum_of_sizes = 0;
  for_each_seed([&](std::uint64_t seed) {
    double const sign = random_orthogonal<double>(on, 1, seed)(0, 0);
    sum += sign;
    sum_of_sizes += std::abs(sign);
  });
  auto const count = static_cast<double>(sample_count);
  CHECK(sum_of_sizes == count);
  CHECK(std::abs(sum) < 5 * std::sqrt(count));
}

TEST_CASE("The same seed gives the same bits for any number of threads", "[linalg][orthogonal]") {
  for (std::size_t const n : {std::size_t{7}, std::size_t{131}}) {
    auto const expected = random_orthogonal<float>(on, n, 9);
    for (int const threads : {1, 2, 5}) {
      auto const again = random_orthogonal<float>(dfrot::cpu::policy{threads}, n, 9);
      CHECK(std::memcmp(again.data(), expected.data(), n * n * sizeof(float)) == 0);
    }
    auto const other = random_orthogonal<float>(on, n, 10);
    CHECK(std::memcmp(other.data(), expected.data(), n * n * sizeof(float)) != 0);
  }
}

TEST_CASE("Order zero and orders beyond memory are refused", "[linalg][orthogonal]") {
  CHECK_THROWS_AS(random_orthogonal<float>(on, 0, 1), std::invalid_argument);
  CHECK_THROWS_AS(random_orthogonal<float>(on, std::size_t{1} << 40u, 1), std::invalid_argument);
}

}  // namespace
