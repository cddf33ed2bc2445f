// Turns of two channels: as a transform, to a flat direction, and the greedy search.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/optimize/transforms/greedy_turns.hpp>
#include <dfrot/transform/givens.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/layer_law.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

constexpr reference::policy on{};

double largest_magnitude(matrix<double> const& x) {
  double largest = 0;
  for (std::size_t k = 0; k < x.rows() * x.columns(); ++k) {
    largest = std::max(largest, std::abs(x.data()[k]));
  }
  return largest;
}

}  // namespace

TEST_CASE("turns are the product of their matrices, and their transpose leads back", "[givens]") {
  givens const turns(4, {{0, 2, 0.6, 0.8}, {3, 1, 0, 1}, {2, 3, -0.8, 0.6}});
  matrix<double> there(4, 4);
  to_dense(on, turns, there.view());
  matrix<double> expected(4, 4);
  for (std::size_t k = 0; k < 4; ++k) {
    expected(k, k) = 1;
  }
  for (auto const& turn : turns.turns()) {
    for (std::size_t k = 0; k < 4; ++k) {
      double const p = expected(k, turn.i);
      double const q = expected(k, turn.j);
      expected(k, turn.i) = turn.cosine * p + turn.sine * q;
      expected(k, turn.j) = turn.cosine * q - turn.sine * p;
    }
  }
  matrix<double> back(4, 4);
  to_dense(on, transposed(turns), back.view());
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      CHECK(std::abs(there(i, j) - expected(i, j)) < 1e-15);
      CHECK(std::abs(back(j, i) - expected(i, j)) < 1e-15);
    }
  }
  CHECK(test::change_of_layer(on, turns, gaussian_matrix<float>(3, 4, 1), gaussian_matrix<float>(5, 4, 2)) < 1e-5);
  CHECK_THROWS_WITH(givens(4, {{0, 4, 1, 0}}), contains_text("the channels 0 and 4"));
  CHECK_THROWS_WITH(givens(4, {{1, 1, 1, 0}}), contains_text("they must differ"));
  CHECK_THROWS_WITH(givens(4, {{1, 0, 1, 1}}), contains_text("the sum of their squares is 2"));
}

TEST_CASE("a direction becomes flat", "[givens]") {
  for (std::size_t const n : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
    auto v = gaussian_matrix<double>(1, n, n);
    v(0, n / 2) = 900;
    v(0, n / 3) = n > 2 ? 0 : v(0, n / 3);
    double square = 0;
    for (std::size_t j = 0; j < n; ++j) {
      square += v(0, j) * v(0, j);
    }
    auto const turns = turns_to_flat({v.data(), n});
    apply(on, turns, v.view());
    for (std::size_t j = 0; j < n; ++j) {
      CHECK(std::abs(v(0, j) - std::sqrt(square / static_cast<double>(n))) < 1e-11);
    }
  }
  matrix<double> one(1, 5);
  one(0, 0) = -3;
  apply(on, turns_to_flat({one.data(), 5}), one.view());
  for (std::size_t j = 0; j < 5; ++j) {
    CHECK(std::abs(std::abs(one(0, j)) - 3 / std::sqrt(5.0)) < 1e-14);
  }
  matrix<double> const zeros(1, 5);
  CHECK(turns_to_flat({zeros.data(), 5}).turns().size == 4);
  one(0, 2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(turns_to_flat({one.data(), 5}), contains_text("channel 2 of the direction"));
}

TEST_CASE("greedy turns lower the peak that they say they lower", "[givens]") {
  std::size_t const n = 32;
  auto x = gaussian_matrix<double>(20, n, 3);
  for (std::size_t i = 0; i < 20; ++i) {
    x(i, 5) *= 25;
  }
  x(7, 11) = -300;
  auto const found = greedy_turns(on, x.view(), n);
  CHECK(found.first_peak == 300);
  auto y = x;
  apply(on, found.turns, y.view());
  CHECK(std::abs(largest_magnitude(y) - found.peak) < 1e-11);
  CHECK(found.peak < 0.5 * found.first_peak);
  CHECK(greedy_turns(on, x.view(), 5).peak >= found.peak);  // more steps never leave a higher peak

  // Turns after the smallest peak are dropped.
  auto const many = greedy_turns(on, x.view(), 401);
  CHECK(many.turns.turns().size < 401);
  CHECK(many.peak <= found.peak);
  y = x;
  apply(on, many.turns, y.view());
  CHECK(std::abs(largest_magnitude(y) - many.peak) < 1e-11);

  // One turn makes the largest value and its partner, in the channel with the smallest maximum, of one size.
  for (double const q : {0.5, -0.5, 0.0}) {
    for (double const p : {8.0, -8.0}) {
      matrix<double> token(1, 3);
      token(0, 0) = 2;
      token(0, 1) = p;
      token(0, 2) = q;
      auto const once = greedy_turns(on, token.view(), 1);
      REQUIRE(once.turns.turns().size == 1);
      apply(on, once.turns, token.view());
      CHECK(token(0, 0) == 2);
      CHECK(std::abs(std::abs(token(0, 1)) - std::sqrt((p * p + q * q) / 2)) < 1e-14);
      CHECK(std::abs(std::abs(token(0, 2)) - std::sqrt((p * p + q * q) / 2)) < 1e-14);
    }
  }
}

TEST_CASE("greedy turns of no tokens, zeros, one channel and NaN", "[givens]") {
  matrix<float> const none(0, 6);
  matrix<float> const zeros(3, 6);
  auto const column = gaussian_matrix<float>(4, 1, 1);
  CHECK(greedy_turns(on, none.view(), 9).turns.turns().size == 0);
  CHECK(greedy_turns(on, zeros.view(), 9).turns.turns().size == 0);
  CHECK(greedy_turns(on, column.view(), 9).turns.turns().size == 0);
  matrix<float> even(2, 4);  // all channels are alike: there is nothing to gain
  std::fill_n(even.data(), 8, 3.0F);
  CHECK(greedy_turns(on, even.view(), 9).turns.turns().size == 0);
  auto x = gaussian_matrix<float>(4, 6, 1);
  x(2, 3) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(greedy_turns(on, x.view(), 9), contains_text("row 2, column 3"));
}
