#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/deflate_dominant.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/polar.hpp>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace {

using dfrot::as_eigen;
using dfrot::deflate_dominant;
using dfrot::matrix;

constexpr dfrot::cpu::policy on{1};

/// U S V^T with given singular values, and its polar factor U V^T.
struct planted {
  matrix<double> c;
  matrix<double> factor;

  explicit planted(std::vector<double> const& values) : c(values.size(), values.size()), factor(c.rows(), c.rows()) {
    auto const u = dfrot::random_orthogonal<double>(on, c.rows(), 1);
    auto const v = dfrot::random_orthogonal<double>(on, c.rows(), 2);
    Eigen::Map<Eigen::VectorXd const> const s(values.data(), static_cast<Eigen::Index>(values.size()));
    as_eigen(factor.view()) = as_eigen(u.view()) * as_eigen(v.view()).transpose();
    as_eigen(c.view()) = as_eigen(u.view()) * s.asDiagonal() * as_eigen(v.view()).transpose();
  }
};

/// Values between 400 and 5,000, after the given ones.
std::vector<double> spectrum(std::size_t n, std::vector<double> values) {
  while (values.size() < n) {
    values.push_back(1500 * std::exp(1.2 * std::sin(0.7 * static_cast<double>(values.size()))));
  }
  return values;
}

/// ||a - b||_F / sqrt(n)
template <class T>
double distance(matrix<T> const& a, matrix<double> const& b) {
  return (as_eigen(a.view()).template cast<double>() - as_eigen(b.view())).norm() /
         std::sqrt(static_cast<double>(b.rows()));
}

template <class T>
matrix<T> polar_factor(matrix<double> const& c) {
  matrix<T> q(c.rows(), c.columns());
  std::transform(c.data(), c.data() + c.rows() * c.columns(), q.data(), [](double x) { return static_cast<T>(x); });
  dfrot::nearest_orthogonal(on, q.view(), q.view());
  return q;
}

double largest_value(matrix<double> const& c) {
  Eigen::VectorXd v = Eigen::VectorXd::Ones(static_cast<Eigen::Index>(c.columns()));
  for (int i = 0; i < 200; ++i) {
    v = as_eigen(c.view()).transpose() * (as_eigen(c.view()) * v.normalized());
  }
  return std::sqrt(v.norm());
}

}  // namespace

TEST_CASE("lowering dominant singular values leaves the polar factor as it is") {
  auto const count = GENERATE(std::size_t{1}, std::size_t{3}, std::size_t{16});
  std::vector<double> dominant{1.6e8, 2.5e6, 2.4e5};
  if (count == 16) {
    dominant = std::vector<double>(14, 3e6);  // all the same: any basis of their space will do
    dominant.insert(dominant.begin(), {1.6e8, 1.5e8});
  }
  dominant.resize(count);
  planted of(spectrum(180, dominant));
  CHECK(deflate_dominant(on, of.c.view()) == count);
  CHECK(largest_value(of.c) < 5001);
  CHECK(distance(polar_factor<double>(of.c), of.factor) < 2e-8);
}

TEST_CASE("without dominant singular values, float32 is precise enough") {
  planted of(spectrum(128, {1.6e8, 2.5e6, 2.4e5, 1.2e5}));
  double const before = distance(polar_factor<float>(of.c), of.factor);
  CHECK(deflate_dominant(on, of.c.view()) == 4);
  CHECK(distance(polar_factor<float>(of.c), of.factor) < 1e-6);
  CHECK(before > 1e-5);  // or this function would not be needed
}

TEST_CASE("a matrix in which nothing stands out is left as it is") {
  auto const unchanged = [](matrix<double> c) {
    matrix<double> before(c.rows(), c.columns());
    std::copy_n(c.data(), c.rows() * c.columns(), before.data());
    CHECK(deflate_dominant(on, c.view()) == 0);
    CHECK(std::equal(c.data(), c.data() + c.rows() * c.columns(), before.data()));
  };
  unchanged(dfrot::test::gaussian_matrix<double>(100, 100, 3));
  unchanged(matrix<double>(100, 100));
  unchanged(matrix<double>(0, 0));
  unchanged(planted(spectrum(63, {1e8})).c);  // too small to be worth it
  matrix<double> one_row(100, 100);           // of rank 1: the rest is nothing
  std::fill_n(one_row.data(), 100, 3.0);
  unchanged(std::move(one_row));
}

TEST_CASE("dominant singular values are lowered to the same bits by any number of threads") {
  auto const lowered = [](int threads) {
    planted of(spectrum(700, {1.6e8, 2.5e6}));
    CHECK(deflate_dominant(dfrot::cpu::policy{threads}, of.c.view()) == 2);
    return std::move(of.c);
  };
  matrix<double> const one = lowered(1);
  matrix<double> const five = lowered(5);
  CHECK(std::equal(one.data(), one.data() + 700 * 700, five.data()));
}
