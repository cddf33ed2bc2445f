// DuQuant: the greedy rotation against its definition with explicit matrices, its base, and the chain that is made of it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/backend/reference/rotate_quantize.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/transforms/duquant.hpp>
#include <dfrot/optimize/transforms/flat_row_rotation.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/layer_law.hpp"

using namespace dfrot;
using dfrot::test::change_of_layer;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

constexpr reference::policy on{};

matrix<double> hadamard_base(std::size_t b) {
  matrix<double> base(b, b);
  to_dense(on, hadamard_order(b), base.view());
  return base;
}

/// Gaussian tokens with a few outlier channels, and one token with a single huge value.
matrix<float> tokens_with_outliers(std::size_t rows, std::size_t n) {
  auto x = gaussian_matrix<float>(rows, n, 6);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t const j : {std::size_t{3}, n / 2 + 1, n - 2}) {
      x(i, j) *= 30;
    }
  }
  x(rows - 1, 7) = 500;
  return x;
}

double distance_from_orthogonal(matrix<double> const& m) {
  double largest = 0;
  for (std::size_t i = 0; i < m.rows(); ++i) {
    for (std::size_t j = 0; j < m.rows(); ++j) {
      double dot = i == j ? -1 : 0;
      for (std::size_t k = 0; k < m.columns(); ++k) {
        dot += m(i, k) * m(j, k);
      }
      largest = std::max(largest, std::abs(dot));
    }
  }
  return largest;
}

double largest_magnitude(matrix<float> const& x) {
  double largest = 0;
  for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(x.data()[i])));
  }
  return largest;
}

/// The mean relative error of tokens that go through a transform, INT4 with one scale a row.
template <class R>
double error_under(R const& transform, matrix<float> const& x) {
  auto y = x;
  apply(on, transform, y.view());
  std::vector<token_error> errors(x.rows());
  token_errors(on, int4{}, y.view(), vector_view<token_error>(errors.data(), errors.size()));
  double sum = 0;
  for (auto const& error : errors) {
    sum += error.relative();
  }
  return sum / static_cast<double>(errors.size());
}

matrix<double> ones(std::size_t n) {
  matrix<double> result(1, n);
  std::fill_n(result.data(), n, 1.0);
  return result;
}

matrix<double> product(matrix<double> const& a, matrix<double> const& b) {
  matrix<double> c(a.rows(), b.columns());
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t j = 0; j < b.columns(); ++j) {
      for (std::size_t k = 0; k < b.rows(); ++k) {
        c(i, j) += a(i, k) * b(k, j);
      }
    }
  }
  return c;
}

}  // namespace

TEST_CASE("a flat row stays flat beside a random factor", "[duquant]") {
  for (std::size_t const n : {std::size_t{2}, std::size_t{5}, std::size_t{128}}) {
    auto const m = flat_row_rotation(on, n, 3);
    CHECK(distance_from_orthogonal(m) < 1e-13);
    for (std::size_t j = 0; j < n; ++j) {
      CHECK(std::abs(m(0, j) - 1 / std::sqrt(static_cast<double>(n))) < 1e-14);
    }
  }
  auto const m = flat_row_rotation(on, 128, 3);
  double largest = 0;  // of rows that a plane turn for each channel would leave near unit vectors
  for (std::size_t i = 1; i < 128; ++i) {
    for (std::size_t j = 0; j < 128; ++j) {
      largest = std::max(largest, std::abs(m(i, j)));
    }
  }
  CHECK(largest < 0.6);
  CHECK_THROWS_WITH(flat_row_rotation(on, 1, 3), contains_text("at least 2 channels, not 1"));
}

TEST_CASE("a greedy rotation is the product of its definition", "[duquant]") {
  std::size_t const b = 4;
  auto const base = flat_row_rotation(on, b, 8);
  auto const x = gaussian_matrix<double>(5, 3 * b, 9);
  // X E M E with explicit exchanges, blocks under one another.
  matrix<double> y(15, b);
  std::copy(x.data(), x.data() + 60, y.data());
  matrix<double> identity(b, b);
  for (std::size_t i = 0; i < b; ++i) {
    identity(i, i) = 1;
  }
  auto const entry_of_peak = [](matrix<double> const& m) {
    return static_cast<std::size_t>(std::max_element(m.data(), m.data() + m.rows() * m.columns(),
                                                     [](double p, double q) { return std::abs(p) < std::abs(q); }) -
                                    m.data());
  };
  std::size_t entry = entry_of_peak(y);
  double least = std::abs(y.data()[entry]);
  auto best = identity;
  auto all = identity;
  std::size_t best_step = 0;
  for (std::size_t step = 1; step <= 9; ++step) {
    auto e = identity;
    std::size_t const c = entry % b;
    e(0, 0) = e(c, c) = c == 0 ? 1 : 0;
    e(0, c) = e(c, 0) = 1;
    auto const turn = product(product(e, base), e);
    y = product(y, turn);
    all = product(all, turn);
    entry = entry_of_peak(y);
    if (std::abs(y.data()[entry]) < least) {
      least = std::abs(y.data()[entry]);
      best = all;
      best_step = step;
    }
  }
  auto const found = greedy_block_rotation(on, x.view(), base.view(), 9);
  CHECK(best_step > 0);
  CHECK(found.steps == best_step);
  CHECK(std::abs(found.peak - least) < 1e-12);
  for (std::size_t k = 0; k < b * b; ++k) {
    CHECK(std::abs(found.block.data()[k] - best.data()[k]) < 1e-12);
  }
}

TEST_CASE("a greedy rotation lowers the peak that it says it lowers", "[duquant]") {
  std::size_t const n = 64;
  auto const x = tokens_with_outliers(40, n);
  for (auto const& base : {hadamard_base(16), flat_row_rotation(on, 16, 1)}) {
    auto const found = greedy_block_rotation(on, x.view(), base.view(), 64);
    CHECK(distance_from_orthogonal(found.block) < 1e-12);
    auto y = x;
    apply(on, block_rotation(n, found.block), y.view());
    CHECK(found.first_peak == largest_magnitude(x));
    CHECK(std::abs(largest_magnitude(y) - found.peak) < 1e-4 * found.peak);
    CHECK(found.peak < 0.5 * found.first_peak);
    // More steps never leave a higher peak.
    CHECK(found.peak <= greedy_block_rotation(on, x.view(), base.view(), 3).peak);
  }
  // One value alone: the first turn spreads its column evenly, whatever row it is in.
  matrix<float> one(6, n);
  one(5, 18) = 8;
  auto const found = greedy_block_rotation(on, one.view(), hadamard_base(16).view(), 1);
  CHECK(found.steps == 1);
  CHECK(std::abs(found.peak - 2) < 1e-6);
}

TEST_CASE("DuQuant's chain keeps the layer and lowers the error", "[duquant]") {
  std::size_t const n = 128;
  auto const x = tokens_with_outliers(48, n);
  auto const w = gaussian_matrix<float>(9, n, 10);
  channel_stats outputs(n);
  outputs.add(on, w.view());
  auto const maxima = outputs.absmax();
  vector_view<double const> const weights(maxima.data(), maxima.size());
  matrix<double> base(32, 32);
  randomized_hadamard(32, 4).to_dense(base.view());
  duquant_options const options{0.5, 64};

  auto const once = duquant_once(on, x.view(), weights, base.view(), options);
  auto const dual = duquant(on, x.view(), weights, base.view(), options);
  CHECK(change_of_layer(on, once, x, w) < 1e-5);
  CHECK(change_of_layer(on, dual, x, w) < 1e-5);
  CHECK(dual.size() == n);

  CHECK(error_under(once, x) < 0.5 * error_under(channel_scale(ones(n)), x));
  CHECK(error_under(dual, x) < 0.5 * error_under(channel_scale(ones(n)), x));

  // Neither search raises the peak, and the permutation keeps it.
  auto const peak_under = [&](auto const& transform) {
    auto y = x;
    apply(on, transform, y.view());
    return largest_magnitude(y);
  };
  CHECK(peak_under(once) < peak_under(once.scale()) * (1 + 1e-5));
  CHECK(peak_under(dual) < peak_under(once) * (1 + 1e-5));

  // Without weights, nothing is smoothed.
  auto const turned = duquant_once(on, x.view(), {}, base.view(), options);
  for (double const factor : turned.scale().factors()) {
    CHECK(factor == 1);
  }
}

TEST_CASE("DuQuant of no tokens, one token, zeros, odd sizes and NaN", "[duquant]") {
  auto const base = hadamard_base(8);
  auto const is_identity = [](matrix<double> const& m) {
    for (std::size_t k = 0; k < 64; ++k) {
      if (m.data()[k] != (k % 9 == 0 ? 1 : 0)) {
        return false;
      }
    }
    return true;
  };
  matrix<float> const none(0, 16);
  matrix<float> const zeros(2, 16);
  CHECK(is_identity(greedy_block_rotation(on, none.view(), base.view()).block));
  CHECK(is_identity(greedy_block_rotation(on, zeros.view(), base.view()).block));
  CHECK(duquant(on, none.view(), {}, base.view()).size() == 16);
  auto const token = gaussian_matrix<half>(1, 16, 3);
  CHECK(duquant(on, token.view(), {}, base.view()).size() == 16);
  auto x = gaussian_matrix<float>(3, 20, 3);
  CHECK_THROWS_WITH(greedy_block_rotation(on, x.view(), base.view()), contains_text("blocks of 8 channels in 20"));
  x = gaussian_matrix<float>(3, 16, 3);
  x(2, 5) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(duquant(on, x.view(), {}, base.view()), contains_text("row 2, column 5"));
  CHECK_THROWS_WITH(greedy_block_rotation(on, x.view(), base.view()), contains_text("row 2, column 5"));
  auto bad = base;
  bad(0, 0) = 2;
  CHECK_THROWS_WITH(greedy_block_rotation(on, token.view(), bad.view()), contains_text("is not orthogonal"));
}
