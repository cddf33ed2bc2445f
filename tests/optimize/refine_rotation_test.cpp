#include <algorithm>
#include <cmath>
#include <cstring>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <limits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

auto const go_on = [](refine_round const&) { return true; };

/// Gaussian rows; every 20th is massive: nearly all its energy is in channel 3.
template <class T>
matrix<T> sample(std::size_t rows, std::size_t channels) {
  auto x = gaussian_matrix<T>(rows, channels, 77);
  for (std::size_t i = 0; i < rows; i += 20) {
    for (std::size_t j = 0; j < channels; ++j) {
      x(i, j) *= static_cast<T>(0.05);
    }
    x(i, 3) = static_cast<T>(std::sqrt(static_cast<double>(channels)));
  }
  return x;
}

template <class T>
massive_tokens massive_of(matrix<T> const& x) {
  return mark_massive(x.rows(), "planted", 0, [](std::size_t i) { return i % 20 == 0; });
}

template <class T>
matrix<T> identity(std::size_t n) {
  matrix<T> result(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    result(i, i) = 1;
  }
  return result;
}

template <class T>
bool same_bytes(matrix<T> const& a, matrix<T> const& b) {
  return a.rows() == b.rows() && std::memcmp(a.data(), b.data(), a.rows() * a.columns() * sizeof(T)) == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("refining lowers the loss, returns the best round, and stays orthogonal", "", float, double) {
  std::size_t const n = 48;
  auto const x = sample<TestType>(400, n);
  auto const massive = massive_of(x);
  auto const start = random_orthogonal<TestType>(cpu::policy{}, n, 1);
  for (auto const& scheme :
       {int4_scheme{}, int4_scheme{false}, int4_scheme{true, 16}, int4_scheme{true, 0, 1.0F, scale_rule::search}}) {
    auto const result =
        refine_rotation(cpu::policy{2}, scheme, x.view(), massive, start.view(), {.rounds = 12, .patience = 0}, go_on);
    REQUIRE(result.rounds.size() == 13);
    CHECK_FALSE(result.stopped);
    auto const best = std::min_element(result.rounds.begin(), result.rounds.end(),
                                       [](auto const& a, auto const& b) { return a.loss < b.loss; });
    CHECK(result.best_round == best->round);
    CHECK(best->loss < 0.5 * result.rounds.front().loss);
    CHECK(best->massive < 0.5 * result.rounds.front().massive);
    CHECK(orthogonality(cpu::policy{}, result.rotation.view()) < (sizeof(TestType) == 4 ? 1e-6 : 1e-12));
    // The figures of the best round, recomputed with the other backend and the public measuring functions.
    std::vector<token_error> errors(x.rows());
    rotated_token_errors(reference::policy{}, scheme, dense_rotation<TestType>(result.rotation), x.view(),
                         vector_view<token_error>(errors.data(), errors.size()));
    auto const found = summarize({errors.data(), errors.size()}, massive, 100);
    CHECK(std::fabs(found.weighted_loss / best->loss - 1) < 1e-4);
    CHECK(std::fabs(found.ordinary / best->ordinary - 1) < 1e-4);
    CHECK(std::fabs(found.massive / best->massive - 1) < 1e-4);
  }
}

TEST_CASE("a rotation that makes the rows exactly representable is found again") {
  // B holds values of a 4-bit grid; X = B P^T with a rotation P near the identity. From R = I the alternation must reach
  // X R = B, where the loss is zero. (Targets that are drawn in are not B, and end elsewhere.)
  std::size_t const n = 32;
  std::size_t const rows = 500;
  matrix<double> b(rows, n);
  for (std::size_t i = 0; i < rows * n; ++i) {
    b.data()[i] = static_cast<double>(random_block(5, random_stream::user, i).word[0] % 15U) - 7;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    b(i, i % n) = 7;  // fixes the scale of the row to 1
  }
  auto const tilt = gaussian_matrix<double>(n, n, 6);
  matrix<double> p(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      p(i, j) = (i == j ? 1 : 0) + 0.005 * tilt(i, j);
    }
  }
  nearest_orthogonal(cpu::policy{}, p.view(), p.view());
  matrix<double> x = b;
  dense_rotation<double>(p).apply_transpose(cpu::policy{}, x.view());
  auto const massive = mark_massive(rows, "none", 0, [](std::size_t) { return false; });
  auto const start = identity<double>(n);
  auto const result = refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), massive, start.view(),
                                      {.rounds = 30, .target_clip = 1}, go_on);
  CHECK(result.rounds.front().loss > 1);
  CHECK(result.rounds.back().loss < 1e-16 * result.rounds.front().loss);
  double distance = 0;
  for (std::size_t i = 0; i < n * n; ++i) {
    distance = std::max(distance, std::fabs(result.rotation.data()[i] - p.data()[i]));
  }
  CHECK(distance < 1e-9);
}

TEST_CASE("the same bytes for 1, 2 and 5 threads") {
  std::size_t const n = 160;
  auto const x = sample<float>(1500, n);
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 1);
  auto const run = [&](int threads) {
    return refine_rotation(cpu::policy{threads}, int4_scheme{}, x.view(), massive_of(x), start.view(), {100, 3}, go_on);
  };
  auto const one = run(1);
  for (int const threads : {2, 5}) {
    auto const several = run(threads);
    CHECK(same_bytes(several.rotation, one.rotation));
    CHECK(several.rounds.back().loss == one.rounds.back().loss);
  }
}

TEST_CASE("the reference backend refines to the same rotation") {
  std::size_t const n = 24;
  auto const x = sample<double>(200, n);
  auto const start = random_orthogonal<double>(cpu::policy{}, n, 1);
  auto const slow =
      refine_rotation(reference::policy{}, int4_scheme{}, x.view(), massive_of(x), start.view(), {100, 4}, go_on);
  auto const fast =
      refine_rotation(cpu::policy{2}, int4_scheme{}, x.view(), massive_of(x), start.view(), {100, 4}, go_on);
  for (std::size_t i = 0; i < n * n; ++i) {
    REQUIRE(std::fabs(slow.rotation.data()[i] - fast.rotation.data()[i]) < 1e-12);
  }
}

TEST_CASE("fewer tokens than channels: directions that no token has keep the start") {
  std::size_t const n = 64;
  matrix<float> x(10, n);  // all tokens lie in the first 16 channels
  auto const values = gaussian_matrix<float>(10, 16, 3);
  for (std::size_t i = 0; i < 10; ++i) {
    std::copy_n(&values(i, 0), 16, &x(i, 0));
  }
  auto const massive = mark_massive(10, "none", 0, [](std::size_t i) { return i == 2; });
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 9);
  auto const result = refine_rotation(cpu::policy{2}, int4_scheme{}, x.view(), massive, start.view(), {100, 10}, go_on);
  CHECK(orthogonality(cpu::policy{}, result.rotation.view()) < 1e-6);
  CHECK(result.rounds[static_cast<std::size_t>(result.best_round)].loss < result.rounds.front().loss);
  SECTION("one step turns only the span of Y and B, at most twice the tokens") {
    auto const step = refine_rotation(cpu::policy{2}, int4_scheme{}, x.view(), massive, start.view(), {100, 1}, go_on);
    REQUIRE(step.best_round == 1);
    // R1 = R0 Q with Q - I of rank at most 20: so has R0^T R1 - I.
    matrix<double> q(n, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k < n; ++k) {
          q(i, j) += static_cast<double>(start(k, i)) * static_cast<double>(step.rotation(k, j));
        }
        q(i, j) -= i == j ? 1 : 0;
      }
    }
    // Rank by Gaussian elimination with full pivoting; float rounding leaves pivots of about 1e-6.
    std::size_t rank = 0;
    for (; rank < n; ++rank) {
      double largest = 0;
      std::size_t row = rank;
      std::size_t column = rank;
      for (std::size_t i = rank; i < n; ++i) {
        for (std::size_t j = rank; j < n; ++j) {
          if (std::fabs(q(i, j)) > largest) {
            largest = std::fabs(q(i, j));
            row = i;
            column = j;
          }
        }
      }
      if (largest < 1e-5) {
        break;
      }
      for (std::size_t j = 0; j < n; ++j) {
        std::swap(q(rank, j), q(row, j));
      }
      for (std::size_t i = 0; i < n; ++i) {
        std::swap(q(i, rank), q(i, column));
      }
      for (std::size_t i = rank + 1; i < n; ++i) {
        double const factor = q(i, rank) / q(rank, rank);
        for (std::size_t j = rank; j < n; ++j) {
          q(i, j) -= factor * q(rank, j);
        }
      }
    }
    CHECK(rank >= 1);
    CHECK(rank <= 20);
  }
  SECTION("tokens of zeros ask for nothing") {
    matrix<float> const zeros(5, n);
    auto const none = mark_massive(5, "none", 0, [](std::size_t) { return false; });
    auto const kept = refine_rotation(cpu::policy{}, int4_scheme{}, zeros.view(), none, start.view(), {100, 2}, go_on);
    CHECK(same_bytes(kept.rotation, start));
    CHECK(kept.best_round == 0);
  }
}

TEST_CASE("the weight decides between massive and ordinary tokens") {
  std::size_t const n = 32;
  auto const x = sample<float>(600, n);
  auto const start = random_orthogonal<float>(cpu::policy{}, n, 4);
  auto const refine = [&](double alpha) {
    auto const result =
        refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), massive_of(x), start.view(), {alpha, 15}, go_on);
    return result.rounds[static_cast<std::size_t>(result.best_round)];
  };
  auto const heavy = refine(100);
  auto const light = refine(0);
  CHECK(heavy.massive < light.massive);
  CHECK(light.ordinary < heavy.ordinary);
}

TEST_CASE("the callback sees every round and can stop the work") {
  auto const x = sample<float>(100, 16);
  auto const start = identity<float>(16);
  std::vector<int> seen;
  auto const result = refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), massive_of(x), start.view(), {100, 50},
                                      [&](refine_round const& round) {
                                        seen.push_back(round.round);
                                        return round.round < 3;
                                      });
  CHECK(seen == std::vector<int>{0, 1, 2, 3});
  CHECK(result.stopped);
  CHECK(result.rounds.size() == 4);
  CHECK(result.rotation.rows() == 16);
  auto const measured =
      refine_rotation(cpu::policy{}, int4_scheme{}, x.view(), massive_of(x), start.view(), {100, 0}, go_on);
  CHECK(measured.rounds.size() == 1);
  CHECK(same_bytes(measured.rotation, start));
}

TEST_CASE("what cannot be refined is an error with numbers") {
  auto x = sample<float>(40, 16);
  auto const massive = massive_of(x);
  auto const start = identity<float>(16);
  auto const refine = [&](matrix<float> const& rows, matrix<float> const& from, refine_options const& options) {
    return refine_rotation(cpu::policy{}, int4_scheme{}, rows.view(), massive, from.view(), options, go_on);
  };
  CHECK_THROWS_WITH(refine(x, identity<float>(15), {}), "start rotation is 15 x 15, expected 16 x 16");
  CHECK_THROWS_WITH(refine(matrix<float>(0, 16), start, {}), dfrot::test::contains_text("0 x 16"));
  CHECK_THROWS_WITH(refine(matrix<float>(41, 16), start, {}), "refine: 41 tokens, but 40 massive flags");
  CHECK_THROWS_WITH(refine(x, start, {100, -1}), "refine: rounds is -1; it must be at least 0");
  CHECK_THROWS_AS(refine(x, start, {-1, 1}), std::invalid_argument);
  auto skewed = start;
  skewed(2, 3) = 0.5F;
  CHECK_THROWS_WITH(refine(x, skewed, {}), dfrot::test::contains_text("not orthogonal"));
  skewed(2, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(refine(x, skewed, {}), std::invalid_argument);
  x(7, 9) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(refine(x, start, {}), dfrot::test::contains_text("row 7, column 9 holds nan"));
}
