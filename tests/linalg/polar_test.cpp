#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <limits>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace {

using dfrot::matrix;
using dfrot::matrix_view;
using dfrot::test::gaussian_matrix;
using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr dfrot::cpu::policy on{1};

row_major nearest(row_major const& c) {
  row_major q(c.rows(), c.cols());
  dfrot::nearest_orthogonal(on, dfrot::view_of(c), dfrot::view_of(q));
  return q;
}

row_major gaussian(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  auto const values = gaussian_matrix<double>(rows, columns, seed);
  return dfrot::as_eigen(values.view());
}

row_major rotation(std::size_t n, std::uint64_t seed) {
  auto const values = dfrot::random_orthogonal<double>(on, n, seed);
  return dfrot::as_eigen(values.view());
}

double orthogonality(row_major const& q) { return dfrot::orthogonality(on, dfrot::view_of(q)); }

/// The Cayley transform of a small antisymmetric matrix: a rotation at about the distance `size` from I.
row_major small_rotation(Eigen::Index n, double size, std::uint64_t seed) {
  row_major const g = gaussian(static_cast<std::size_t>(n), static_cast<std::size_t>(n), seed);
  row_major const antisymmetric = size / std::sqrt(static_cast<double>(n)) * (g - g.transpose());
  row_major const identity = row_major::Identity(n, n);
  Eigen::MatrixXd const lower = identity + antisymmetric;
  return lower.partialPivLu().solve(Eigen::MatrixXd(identity - antisymmetric));
}

/// tr(Q^T C), what a Procrustes step maximizes.
double trace_with(row_major const& q, row_major const& c) { return q.cwiseProduct(c).sum(); }

TEST_CASE("The nearest orthogonal matrix makes Q^T C symmetric and positive", "[linalg][polar]") {
  for (std::size_t const n : {std::size_t{2}, std::size_t{3}, std::size_t{17}, std::size_t{60}, std::size_t{130}}) {
    row_major const c = gaussian(n, n, n);
    row_major const q = nearest(c);
    CAPTURE(n);
    CHECK(orthogonality(q) < 1e-13 * std::sqrt(static_cast<double>(n)));
    row_major const p = q.transpose() * c;
    CHECK((p - p.transpose()).norm() < 1e-8 * c.norm());
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> const values(Eigen::MatrixXd(0.5 * (p + p.transpose())));
    CHECK(values.eigenvalues().minCoeff() > -1e-9 * c.norm());
  }
}

TEST_CASE("No rotation near it or far from it has a larger trace", "[linalg][polar]") {
  for (std::size_t const n : {std::size_t{5}, std::size_t{40}}) {
    row_major const c = gaussian(n, n, 7);
    row_major const q = nearest(c);
    double const best = trace_with(q, c);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      CHECK(trace_with(rotation(n, seed), c) < best);
      for (double const size : {1e-3, 1e-2, 0.1, 1.0}) {
        CHECK(trace_with(q * small_rotation(q.rows(), size, seed), c) < best);
      }
    }
  }
}

TEST_CASE("Ill-conditioned input", "[linalg][polar]") {
  std::size_t const n = 50;
  row_major const u = rotation(n, 1);
  row_major const v = rotation(n, 2);
  Eigen::VectorXd const values =
      Eigen::VectorXd::LinSpaced(static_cast<Eigen::Index>(n), 0, -12).unaryExpr([](double x) {
        return std::pow(10.0, x);
      });
  row_major const c = u * values.asDiagonal() * v.transpose();
  row_major const q = nearest(c);
  CHECK(orthogonality(q) < 1e-12);
  CHECK(std::abs(trace_with(q, c) - values.sum()) < 2 * 50 * 1e-10 * c.norm());
  // The directions that C determines well are taken from C.
  CHECK((u.leftCols(10).transpose() * q - v.leftCols(10).transpose()).norm() < 1e-6);
}

TEST_CASE("Where C is singular, the completion nearest to the identity is chosen", "[linalg][polar]") {
  for (Eigen::Index const rank : {Eigen::Index{1}, Eigen::Index{12}, Eigen::Index{30}}) {
    std::size_t const n = 40;
    auto const order = static_cast<Eigen::Index>(n);
    row_major const u = rotation(n, 3);
    row_major const v = rotation(n, 4);
    Eigen::VectorXd const values = Eigen::VectorXd::LinSpaced(rank, 1, 3);
    row_major const c = u.leftCols(rank) * values.asDiagonal() * v.leftCols(rank).transpose();
    // On the null space the trace with C does not count, only the trace with I: a Procrustes problem of its own.
    row_major const u_null = u.rightCols(order - rank);
    row_major const v_null = v.rightCols(order - rank);
    row_major const explicit_completion = u.leftCols(rank) * v.leftCols(rank).transpose() +
                                          u_null * nearest(u_null.transpose() * v_null) * v_null.transpose();
    row_major const q = nearest(c);
    CAPTURE(rank);
    CHECK(orthogonality(q) < 1e-12);
    CHECK((q - explicit_completion).norm() < 1e-5);
    CHECK(std::abs(trace_with(q, c) - values.sum()) < 1e-7);
    row_major const arbitrary = u * v.transpose();  // as good for C, but farther from the identity
    CHECK(q.trace() > arbitrary.trace() + 1.0);
  }
}

TEST_CASE("Directions that no token has are not turned", "[linalg][polar]") {
  std::size_t const n = 48;
  row_major const y = gaussian(10, n, 5);
  row_major const b = gaussian(10, n, 6);
  row_major const q = nearest(y.transpose() * b);
  row_major seen(20, n);
  seen << y, b;
  Eigen::MatrixXd const seen_transposed = seen.transpose();
  Eigen::MatrixXd const basis = Eigen::HouseholderQR<Eigen::MatrixXd>(seen_transposed).householderQ();
  Eigen::MatrixXd const unseen = basis.rightCols(28);  // orthogonal to all rows of y and of b
  CHECK((q * unseen - unseen).norm() < 1e-5);
}

TEST_CASE("Matrices whose nearest orthogonal matrix is known", "[linalg][polar]") {
  row_major const identity = row_major::Identity(30, 30);
  CHECK(nearest(row_major::Zero(30, 30)) == identity);
  CHECK((nearest(identity) - identity).norm() < 1e-13);
  CHECK((nearest(-2.0 * identity) + identity).norm() < 1e-13);

  row_major const q = rotation(30, 1);
  CHECK((nearest(q) - q).norm() < 1e-7);  // the shift by epsilon I costs some 1e-9

  row_major const g = gaussian(30, 30, 2);
  row_major const positive = g * g.transpose() + identity;
  CHECK((nearest(positive) - identity).norm() < 1e-10);
  CHECK((nearest(q * positive) - q).norm() < 1e-6);

  row_major const symmetric = g + g.transpose();
  row_major const sign = nearest(symmetric);
  CHECK((sign - sign.transpose()).norm() < 1e-8);
  CHECK((sign * sign - identity).norm() < 1e-11);
}

TEST_CASE("One by one, nothing, and extreme scales", "[linalg][polar]") {
  for (double const value : {2.0, -3.0, 1e-300, -1e300, 0.0}) {
    row_major c(1, 1);
    c(0, 0) = value;
    CAPTURE(value);
    CHECK(nearest(c)(0, 0) == (value < 0 ? -1.0 : 1.0));
  }
  CHECK(nearest(row_major(0, 0)).size() == 0);
  row_major const c = gaussian(20, 20, 1);
  CHECK((nearest(c * 0x1p1000) - nearest(c)).norm() < 1e-12);
  CHECK((nearest(c * 0x1p-1000) - nearest(c)).norm() < 1e-12);
}

TEST_CASE("The result may replace its argument, and strides are kept", "[linalg][polar]") {
  row_major const c = gaussian(25, 25, 1);
  row_major wide = row_major::Constant(25, 31, 9.0);
  wide.leftCols(25) = c;
  matrix_view<double> const view(wide.data(), 25, 25, 31);
  dfrot::nearest_orthogonal(on, view, view);
  CHECK(wide.leftCols(25) == nearest(c));
  CHECK((wide.rightCols(6).array() == 9.0).all());
}

TEST_CASE("The same bits for any number of threads", "[linalg][polar]") {
  row_major const c = gaussian(150, 150, 8);
  row_major const expected = nearest(c);
  for (int const threads : {1, 2, 5}) {
    row_major q(150, 150);
    dfrot::nearest_orthogonal(dfrot::cpu::policy{threads}, dfrot::view_of(c), dfrot::view_of(q));
    CHECK(q == expected);
  }
}

/// Q of float input, in double.
row_major nearest_in_float(row_major const& c) {
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> q = c.cast<float>();
  dfrot::nearest_orthogonal(on, dfrot::view_of(q), dfrot::view_of(q));
  return q.cast<double>();
}

/// The reference: C = U S V^T, Q = U V^T.
row_major by_svd(Eigen::MatrixXd const& c) {
#if EIGEN_VERSION_AT_LEAST(3, 4, 90)
  Eigen::BDCSVD<Eigen::MatrixXd, Eigen::ComputeFullU | Eigen::ComputeFullV> const svd(c);
#else
  Eigen::BDCSVD<Eigen::MatrixXd> const svd(c, Eigen::ComputeFullU | Eigen::ComputeFullV);
#endif
  return svd.matrixU() * svd.matrixV().transpose();
}

/// A matrix whose singular values fall geometrically from 1 to 1 / condition.
row_major with_condition(std::size_t n, double condition) {
  Eigen::VectorXd const values =
      Eigen::VectorXd::LinSpaced(static_cast<Eigen::Index>(n), 0, -std::log(condition)).array().exp();
  return rotation(n, 11) * values.asDiagonal() * rotation(n, 12);
}

TEST_CASE("Every condition, in float64 beside a singular value decomposition", "[linalg][polar]") {
  for (std::size_t const n : {std::size_t{2}, std::size_t{3}, std::size_t{65}, std::size_t{150}}) {
    for (double const condition : {1.0, 1.5, 5.0, 30.0, 1e3, 1e5, 1e7, 1e9, 1e12}) {
      row_major const c = with_condition(n, condition);
      row_major const q = nearest(c);
      CAPTURE(n, condition);
      CHECK(orthogonality(q) < 1e-14);
      CHECK((q - rotation(n, 11) * rotation(n, 12)).norm() < 1e-12 * condition + 1e-12);
      // A step with the weight c = 1e8 is backward stable to 100 sqrt(c) eps.
      row_major const p = q.transpose() * c;
      CHECK((p - p.transpose()).norm() < 1e-9);
      row_major const expected = by_svd(c);
      CHECK(trace_with(q, c) > trace_with(expected, c) - 1e-9);
      if (condition <= 1e5) {
        CHECK((q - expected).norm() < 1e-9 * condition * std::sqrt(static_cast<double>(n)));
      }
    }
  }
}

TEST_CASE("Every condition, in float32", "[linalg][polar]") {
  for (std::size_t const n : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{65}, std::size_t{300}}) {
    for (double const condition : {1.0, 1.5, 5.0, 30.0, 1e3, 1e5, 1e7, 1e12}) {
      row_major const c = with_condition(n, condition);
      row_major const q = nearest_in_float(c);
      CAPTURE(n, condition);
      CHECK(orthogonality(q) < 5e-7);
      row_major const p = q.transpose() * c;
      CHECK((p - p.transpose()).norm() < 1e-4);  // c = 1e3
      row_major const expected = by_svd(c);
      CHECK(trace_with(q, c) > trace_with(expected, c) - 1e-4);
      if (condition <= 1e3) {
        CHECK((q - expected).norm() < 1e-6 * condition * std::sqrt(static_cast<double>(n)));
      }
    }
  }
}

TEST_CASE("Float input of any rank is completed nearest to the identity, or to a given matrix", "[linalg][polar]") {
  constexpr std::size_t n = 90;
  row_major const u = rotation(n, 3);
  row_major const v = rotation(n, 4);
  row_major const given = rotation(n, 5);
  for (Eigen::Index const rank : {Eigen::Index{0}, Eigen::Index{1}, Eigen::Index{40}, Eigen::Index{89}}) {
    Eigen::VectorXd const values = Eigen::VectorXd::LinSpaced(rank, 0.1, 3);
    row_major const c = u.leftCols(rank) * values.asDiagonal() * v.leftCols(rank).transpose();
    row_major const u_null = u.rightCols(90 - rank);
    row_major const v_null = v.rightCols(90 - rank);
    row_major const fixed = u.leftCols(rank) * v.leftCols(rank).transpose();
    CAPTURE(rank);
    row_major const q = nearest_in_float(c);
    CHECK(orthogonality(q) < 5e-7);
    CHECK((q - fixed - u_null * by_svd(u_null.transpose() * v_null) * v_null.transpose()).norm() < 1e-3);

    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> near = c.cast<float>();
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> const target = given.cast<float>();
    dfrot::nearest_orthogonal(on, dfrot::view_of(near), dfrot::view_of(near), dfrot::view_of(target));
    row_major const to_given = near.cast<double>();
    CHECK(orthogonality(to_given) < 5e-7);
    CHECK((to_given - fixed - u_null * by_svd(u_null.transpose() * given * v_null) * v_null.transpose()).norm() < 1e-3);
  }
}

TEST_CASE("Where even the identity leaves a choice, the result is orthogonal all the same", "[linalg][polar]") {
  row_major c = row_major::Zero(4, 4);
  c(0, 1) = 2;  // the null spaces are at right angles: turning the plane left or right is equally near
  for (row_major const& q : {nearest(c), nearest_in_float(c)}) {
    CHECK(orthogonality(q) < 5e-7);
    CHECK(std::abs(q(0, 1) - 1) < 1e-6);
    CHECK((q.bottomRightCorner(2, 2) - row_major::Identity(2, 2)).norm() < 1e-5);
  }
  CHECK(nearest(c) == nearest(c));
}

TEST_CASE("The same bits in float32 for any number of threads", "[linalg][polar]") {
  auto const c = gaussian_matrix<float>(333, 333, 8);
  matrix<float> expected(333, 333);
  dfrot::nearest_orthogonal(on, c.view(), expected.view());
  for (int const threads : {2, 5}) {
    matrix<float> q(333, 333);
    dfrot::nearest_orthogonal(dfrot::cpu::policy{threads}, c.view(), q.view());
    CHECK(dfrot::as_eigen(q.view()) == dfrot::as_eigen(expected.view()));
  }
}

TEST_CASE("Elements that are not finite and wrong shapes are refused", "[linalg][polar]") {
  row_major c = gaussian(6, 6, 1);
  c(4, 2) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(nearest(c), std::invalid_argument);
  c(4, 2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(nearest(c), std::invalid_argument);
  try {
    static_cast<void>(nearest(c));
  } catch (std::invalid_argument const& error) {
    CHECK(std::string(error.what()).find("row 4, column 2") != std::string::npos);
  }
  CHECK_THROWS_AS(nearest(row_major::Zero(3, 4)), std::invalid_argument);
  row_major q(5, 5);
  row_major const six = row_major::Identity(6, 6);
  CHECK_THROWS_AS(dfrot::nearest_orthogonal(on, dfrot::view_of(six), dfrot::view_of(q)), std::invalid_argument);
}

}  // namespace
