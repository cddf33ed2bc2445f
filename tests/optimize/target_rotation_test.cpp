// Rotations that follow targets: no step raises an objective that Procrustes steps lower, dense or Kronecker; batches, and what is at hand.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/optimize/transforms/kronecker_rotation.hpp>
#include <dfrot/optimize/transforms/target_rotation.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/layer_law.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

constexpr reference::policy on{};

/// Tokens with outlier channels, one of zeros, and one of huge values.
matrix<float> some_tokens(std::size_t rows, std::size_t n) {
  auto x = gaussian_matrix<float>(rows, n, 70);
  for (std::size_t i = 0; i < rows; ++i) {
    x(i, 2) *= 12;
    x(i, n - 3) *= 6;
  }
  std::fill_n(&x(rows / 2, 0), n, 0.0F);
  for (std::size_t j = 0; j < n; ++j) {
    x(1, j) *= 1e30F;
  }
  return x;
}

/// The objective under a rotation, by its definition, of tokens scaled to the norm sqrt(n).
template <class Cost>
double objective_of(matrix<float> const& x, matrix<double> const& r, Cost const& cost) {
  double sum = 0;
  std::size_t const n = x.columns();
  for (std::size_t i = 0; i < x.rows(); ++i) {
    double square = 0;
    for (std::size_t j = 0; j < n; ++j) {
      square += static_cast<double>(x(i, j)) * static_cast<double>(x(i, j));
    }
    for (std::size_t j = 0; j < n; ++j) {
      double y = 0;
      for (std::size_t k = 0; k < n; ++k) {
        y += static_cast<double>(x(i, k)) * r(k, j);
      }
      sum += cost(square > 0 ? y * std::sqrt(static_cast<double>(n) / square) : 0);
    }
  }
  return sum;
}

double whip(double y) { return std::exp(-std::abs(y)); }
double corner(double y) { return (std::abs(y) - 1) * (std::abs(y) - 1); }

matrix<double> copy_of(matrix_view<double const> x) {
  matrix<double> result(x.rows, x.columns);
  std::copy_n(x.data, x.rows * x.columns, result.data());
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("no Procrustes step raises its objective", "[target]", corner_target, whip_target) {
  std::size_t const n = 24;
  auto const cost = std::is_same_v<TestType, whip_target> ? whip : corner;
  for (std::size_t const rows : {std::size_t{9}, std::size_t{60}}) {  // fewer and more tokens than channels
    auto const x = some_tokens(rows, n);
    target_rotation search(random_orthogonal<double>(on, n, 5));
    double const first = objective_of(x, copy_of(search.values()), cost);
    double last = first;
    for (int step = 0; step < 12; ++step) {
      CHECK(std::abs(search.add(on, x.view(), TestType{}, 0) / last - 1) < 1e-9);
      double const now = objective_of(x, copy_of(search.values()), cost);
      CHECK(now <= last * (1 + 1e-12));
      last = now;
    }
    CHECK(last < 0.9 * first);
    matrix<double> identity(n, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k < n; ++k) {
          identity(i, j) += search.values()(i, k) * search.values()(j, k);
        }
        CHECK(std::abs(identity(i, j) - (i == j ? 1 : 0)) < 1e-12);
      }
    }
  }
}

TEMPLATE_TEST_CASE("no half step of a Kronecker rotation raises its objective", "[target]", corner_target,
                   whip_target) {
  auto const cost = std::is_same_v<TestType, whip_target> ? whip : corner;
  auto const x = some_tokens(30, 20);
  auto const found = refine_kronecker(on, x.view(), random_orthogonal<double>(on, 4, 1),
                                      random_orthogonal<double>(on, 5, 2), TestType{}, 5);
  REQUIRE(found.objectives.size() == 11);
  for (std::size_t k = 1; k < 11; ++k) {
    CHECK(found.objectives[k] <= found.objectives[k - 1] * (1 + 1e-12));
  }
  matrix<double> dense(20, 20);
  to_dense(on, found.rotation, dense.view());
  CHECK(std::abs(objective_of(x, dense, cost) / found.objectives[found.best] - 1) < 1e-9);
  CHECK(found.objectives[found.best] < found.objectives[0]);
  CHECK(test::change_of_layer(on, found.rotation, gaussian_matrix<float>(3, 20, 1), gaussian_matrix<float>(4, 20, 2)) <
        1e-5);
}

TEMPLATE_TEST_CASE("a Kronecker rotation for a scheme is never worse than its start", "[target]", int4, mxfp4) {
  auto const x = some_tokens(64, 48);
  auto const found = refine_kronecker(on, x.view(), random_orthogonal<double>(on, 6, 3),
                                      random_orthogonal<double>(on, 8, 4), quantized_target<TestType>{}, 6);
  for (double const each : found.objectives) {
    CHECK(found.objectives[found.best] <= each);
  }
  CHECK(found.objectives[found.best] < found.objectives[0]);
}

TEST_CASE("batches are summed up, and no tokens change nothing", "[target]") {
  std::size_t const n = 10;
  auto const x = some_tokens(30, n);
  auto const start = random_orthogonal<double>(on, n, 6);
  target_rotation once(start);
  once.add(on, x.view(), corner_target{});
  target_rotation kept(start);
  target_rotation forgot(start);
  kept.add(on, x.view().row_block(0, 12), corner_target{}, 1);
  forgot.add(on, x.view().row_block(0, 12), corner_target{}, 0);
  CHECK(same_bytes(copy_of(kept.values()), copy_of(forgot.values())));
  kept.add(on, x.view().row_block(12, 18), corner_target{}, 1);
  forgot.add(on, x.view().row_block(12, 18), corner_target{}, 0);
  CHECK(!same_bytes(copy_of(kept.values()), copy_of(forgot.values())));

  auto const before = copy_of(once.values());
  matrix<float> const none(0, n);
  matrix<float> const zeros(3, n);
  once.add(on, none.view(), corner_target{});
  once.add(on, zeros.view(), whip_target{});
  for (std::size_t k = 0; k < n * n; ++k) {
    CHECK(std::abs(once.values().data[k] - before.data()[k]) < 1e-12);
  }
  target_rotation fresh(start);  // without any sums, the start stays
  fresh.add(on, none.view(), whip_target{});
  for (std::size_t k = 0; k < n * n; ++k) {
    CHECK(std::abs(fresh.values().data[k] - start.data()[k]) < 1e-12);
  }
  fresh.add(on, x.view().row_block(0, 1),
            corner_target{});  // one token goes to a corner, others stay as near as they can
  auto y = gaussian_matrix<double>(1, n, 1);
  CHECK(objective_of(
            [&] {
              matrix<float> one(1, n);
              std::copy_n(x.data(), n, one.data());
              return one;
            }(),
            copy_of(fresh.values()), corner) < 1e-12);

  auto const kronecker_of_none = refine_kronecker(on, none.view(), random_orthogonal<double>(on, 2, 1),
                                                  random_orthogonal<double>(on, 5, 2), corner_target{}, 2);
  CHECK(kronecker_of_none.rotation.size() == n);
}

TEST_CASE("target rotations refuse what does not fit", "[target]") {
  auto x = gaussian_matrix<float>(4, 6, 1);
  target_rotation search(random_orthogonal<double>(on, 6, 1));
  auto const before = copy_of(search.values());
  CHECK_THROWS_WITH(search.add(on, x.view(), corner_target{}, 1.5), contains_text("keeps 1.5"));
  x(3, 4) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(search.add(on, x.view(), corner_target{}), contains_text("row 3, column 4"));
  CHECK(same_bytes(before, copy_of(search.values())));
  CHECK_THROWS_WITH(refine_kronecker(on, x.view(), random_orthogonal<double>(on, 2, 1),
                                     random_orthogonal<double>(on, 3, 2), corner_target{}, 2),
                    contains_text("row 3, column 4"));
  CHECK_THROWS_WITH(refine_kronecker(on, x.view(), random_orthogonal<double>(on, 2, 1),
                                     random_orthogonal<double>(on, 4, 2), corner_target{}, 2),
                    contains_text("of 2 and 4 channels for rows of 6"));
  matrix<double> not_orthogonal(6, 6);
  CHECK_THROWS_WITH(target_rotation(not_orthogonal), contains_text("is not orthogonal"));
}
