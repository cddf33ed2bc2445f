#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/attention/clipped_softmax.hpp>
#include <dfrot/attention/head_gate.hpp>
#include <dfrot/attention/integer_softmax.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/loss/outlier_metrics.hpp>
#include <dfrot/quantize/dyadic.hpp>
#include <limits>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

reference::policy const on;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();
constexpr std::int32_t masked_score = std::numeric_limits<std::int32_t>::min();

/// reference::policy, on several threads.
struct threaded : reference::policy {
  int threads = 3;
};

/// A softmax as its formula says, for scores that do not overflow.
std::vector<double> softmax(std::vector<double> const& x) {
  double sum = 0;
  std::vector<double> p;
  for (double const value : x) {
    p.push_back(std::exp(value));
    sum += p.back();
  }
  for (double& value : p) {
    value /= sum;
  }
  return p;
}

}  // namespace

TEST_CASE("A clipped softmax is the stretched one, cut off at 0 and 1", "[attention]") {
  for (softmax_stretch const stretch :
       {softmax_stretch{}, softmax_stretch{-0.03, 1.0}, stretch_for_length(4, 37), softmax_stretch{-0.1, 1.2}}) {
    auto scores = gaussian_matrix<float>(9, 37, 3);
    for (std::size_t j = 0; j < 37; ++j) {
      scores(2, j) = j == 5 ? 30.0F : 0.0F;
    }
    auto const before = scores;
    auto again = scores;
    clipped_softmax(on, scores.view(), stretch);
    clipped_softmax(threaded{}, again.view(), stretch);
    CHECK(same_bytes(again, scores));
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < 9; ++i) {
      auto const p = softmax({&before(i, 0), &before(i, 0) + 37});
      for (std::size_t j = 0; j < 37; ++j) {
        double const stretched = (stretch.zeta - stretch.gamma) * p[j] + stretch.gamma;
        double const expected = stretched < 0 ? 0 : (stretched > 1 ? 1 : stretched);
        CHECK(std::abs(static_cast<double>(scores(i, j)) - expected) <= 1e-7);
        zeros += scores(i, j) == 0 ? 1 : 0;
      }
    }
    CHECK((stretch.gamma == 0) == (zeros == 0));
  }
  CHECK(stretch_for_length(3.2, 128).gamma == -0.025);
}

TEST_CASE("A clipped softmax of masked scores, of one, of large ones, and of what is refused", "[attention]") {
  matrix<float> scores(3, 3);
  scores(0, 0) = -infinite;
  scores(0, 1) = 3e38F;
  scores(0, 2) = -3e38F;
  for (std::size_t j = 0; j < 3; ++j) {
    scores(1, j) = -infinite;
  }
  clipped_softmax(on, scores.view());
  CHECK((scores(0, 0) == 0 && scores(0, 1) == 1 && scores(0, 2) == 0));
  CHECK((scores(1, 0) == 0 && scores(1, 1) == 0 && scores(1, 2) == 0));
  CHECK(scores(2, 1) == static_cast<float>(1.0 / 3));
  matrix<float> one(1, 1);
  clipped_softmax(on, one.view(), {-0.5, 1});
  CHECK(one(0, 0) == 1);
  clipped_softmax(on, matrix_view<float>());

  scores(2, 1) = not_a_number;
  CHECK_THROWS_WITH(clipped_softmax(on, scores.view()), contains_text("row 2, column 1 holds nan"));
  scores(2, 1) = infinite;
  CHECK_THROWS_WITH(clipped_softmax(on, scores.view()), contains_text("row 2, column 1 holds inf"));
  CHECK(scores(0, 1) == 1);
  CHECK_THROWS_WITH(clipped_softmax(on, one.view(), {0.1, 1}), contains_text("gamma is 0.1"));
  CHECK_THROWS_WITH(clipped_softmax(on, one.view(), {0, 0.9}), contains_text("zeta 0.9"));
  CHECK_THROWS_WITH(stretch_for_length(-1, 4), contains_text("alpha -1"));
}

TEST_CASE("Gates multiply the outputs of heads by sigmoids of what they read", "[attention]") {
  std::size_t const heads = 3;
  auto const x = gaussian_matrix<float>(5, 12, 3);
  std::vector<float> const biases{std::log(0.25F / 0.75F), 0, -100};
  for (std::size_t const width : {std::size_t{4}, std::size_t{12}}) {
    auto const weights = gaussian_matrix<float>(heads, width, 4);
    auto out = gaussian_matrix<float>(5, 6, 5);  // heads of two channels
    auto const before = out;
    gate_heads(threaded{}, x.view(), head_gates<float const>{weights.view(), {biases.data(), heads}}, out.view());
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = 0; j < 6; ++j) {
        std::size_t const h = j / 2;
        double logit = static_cast<double>(biases[h]);
        for (std::size_t c = 0; c < width; ++c) {
          logit += static_cast<double>(weights(h, c)) * static_cast<double>(x(i, width == 12 ? c : 4 * h + c));
        }
        double const expected = static_cast<double>(before(i, j)) / (1 + std::exp(-logit));
        CHECK(std::abs(static_cast<double>(out(i, j)) - expected) <= 1e-5 * std::abs(expected) + 1e-30);
      }
    }
  }
  // What a zero token opens is said by the biases.
  matrix<float> const weights(heads, 4);
  matrix<float> ones(1, 3);
  std::fill_n(ones.data(), 3, 1.0F);
  head_gates<float const> const gates{weights.view(), {biases.data(), heads}};
  gate_heads(on, matrix<float>(1, 12).view(), gates, ones.view());
  CHECK((std::abs(ones(0, 0) - 0.25F) < 1e-6F && ones(0, 1) == 0.5F && ones(0, 2) < 1e-30F));
  matrix<float> broken(1, 12);
  broken(0, 5) = not_a_number;
  std::fill_n(ones.data(), 3, 1.0F);
  gate_heads(on, broken.view(), gates, ones.view());
  CHECK((is_finite(ones(0, 0)) && is_nan(ones(0, 1)) && is_finite(ones(0, 2))));
  CHECK_THROWS_WITH(gate_heads(on, matrix<float>(1, 11).view(), gates, ones.view()),
                    contains_text("3 gates of 4 channels for rows of 11"));
  CHECK_THROWS_WITH(gate_heads(on, broken.view(), gates, matrix<float>(1, 4).view()),
                    contains_text("whole heads of 3"));
  CHECK_THROWS_WITH(
      gate_heads(on, broken.view(), head_gates<float const>{weights.view(), {biases.data(), 2}}, ones.view()),
      contains_text("2 biases for 3 gates"));
}

TEST_CASE("Integer exponentials are within what their rules say", "[attention]") {
  for (auto const& [rule, above, below] :
       {std::tuple<integer_exp_rule, double, double>{integer_exp_rule::linear, 0.062, 0},
        {integer_exp_rule::quadratic, 0.0028, 0.0028}}) {
    double largest = 0;
    int wrong = 0;
    for (dyadic const scale : {dyadic{128, 7}, dyadic{255, 8}, dyadic{181, 15}, dyadic{200, 20}, dyadic{129, 31}}) {
      CHECK(integer_exp(0, scale, rule) == std::uint64_t{1} << 30U);
      double const step = scale.value();
      for (double x = 0; x > -24; x -= std::max(step, 0.00071)) {
        auto const code = static_cast<std::int32_t>(x / step);
        double const exact = std::exp(code * step);
        double const found = std::ldexp(static_cast<double>(integer_exp(code, scale, rule)), -30);
        double const more = (found - exact) / exact;
        double const rounding = 5e-6 * std::abs(x) + std::ldexp(1, -29) / exact;
        wrong += more > above + rounding || more < -below - rounding ? 1 : 0;
        largest = std::max(largest, std::abs(more) - rounding);
      }
      CHECK(integer_exp(std::numeric_limits<std::int32_t>::min() + 1, scale, rule) <= (std::uint64_t{1} << 30U));
    }
    CHECK(wrong == 0);
    CHECK(largest > 0.9 * above);  // the bound is no wider than it has to be
  }
}

TEST_CASE("An integer softmax is within its bound of the softmax", "[attention]") {
  dyadic const scale = to_dyadic(0.03);
  for (std::size_t const n : {std::size_t{1}, std::size_t{7}, std::size_t{300}}) {
    auto const g = gaussian_matrix<float>(6, n, 3);
    matrix<std::int32_t> scores(6, n);
    for (std::size_t k = 0; k < 6 * n; ++k) {
      scores.data()[k] = static_cast<std::int32_t>(80 * g.data()[k]) + 1000000;
    }
    if (n > 1) {
      scores(3, 1) = masked_score;
    }
    for (auto const rule : {integer_exp_rule::linear, integer_exp_rule::quadratic}) {
      matrix<std::uint8_t> p(6, n);
      matrix<std::uint8_t> again(6, n);
      integer_softmax(on, scores.view(), scale, p.view(), rule);
      integer_softmax(threaded{}, scores.view(), scale, again.view(), rule);
      CHECK(same_bytes(again, p));
      double const share = (rule == integer_exp_rule::linear ? 0.062 : 0.0028) + 1e-5 * 21;
      for (std::size_t i = 0; i < 6; ++i) {
        std::vector<double> row;
        for (std::size_t j = 0; j < n; ++j) {
          bool const masked = scores(i, j) == masked_score;
          row.push_back(masked ? -1000 : (scores(i, j) - 1000000) * scale.value());
        }
        auto const exact = softmax(row);
        for (std::size_t j = 0; j < n; ++j) {
          CAPTURE(n, i, j, static_cast<int>(p(i, j)), exact[j]);
          CHECK(std::abs(p(i, j) / 255.0 - exact[j]) <=
                1.0 / 510 + share * exact[j] + static_cast<double>(n) * std::ldexp(1, -29));
        }
      }
    }
  }
  // Nothing to attend to; the ends of int32; equal scores.
  matrix<std::int32_t> ends(3, 2);
  ends(0, 0) = ends(0, 1) = masked_score;
  ends(1, 0) = masked_score + 1;
  ends(1, 1) = std::numeric_limits<std::int32_t>::max();
  matrix<std::uint8_t> p(3, 2);
  integer_softmax(on, ends.view(), {255, 0}, p.view());
  CHECK((p(0, 0) == 0 && p(0, 1) == 0 && p(1, 0) == 0 && p(1, 1) == 255 && p(2, 0) == 128 && p(2, 1) == 128));
  CHECK_THROWS_WITH(integer_softmax(on, ends.view(), {128, 32}, p.view()), contains_text("128 / 2^32"));
  CHECK_THROWS_WITH(integer_softmax(on, ends.view(), scale, matrix<std::uint8_t>(2, 2).view()), contains_text("2 x 2"));
}

TEST_CASE("Requantized sums stand for the product, to a step", "[attention][dyadic]") {
  auto const g = gaussian_matrix<float>(7, 53, 3);
  matrix<std::int32_t> sums(7, 53);
  for (std::size_t k = 0; k < 7 * 53; ++k) {
    sums.data()[k] = static_cast<std::int32_t>(20000 * g.data()[k]) * (k / 53 == 5 ? 20000 : 1);
  }
  for (std::size_t j = 0; j < 53; ++j) {
    sums(0, j) = 0;
    sums(1, j) = 1000 + static_cast<std::int32_t>(j);  // all above 0
    sums(2, j) = -7;
  }
  std::vector<dyadic> const token_scales(7, to_dyadic(0.013));
  dyadic const weight_scale = to_dyadic(2e-8);
  for (int const bits : {2, 4, 8}) {
    matrix<std::uint8_t> codes(7, 53);
    std::vector<std::uint8_t> zeros(7);
    std::vector<dyadic> scales(7);
    requantize(threaded{}, sums.view(), {token_scales.data(), 7}, weight_scale, bits, codes.view(), {zeros.data(), 7},
               {scales.data(), 7});
    for (std::size_t i = 0; i < 7; ++i) {
      CHECK((zeros[i] < (1 << bits) && scales[i].m >= 128));
      for (std::size_t j = 0; j < 53; ++j) {
        double const wanted = sums(i, j) * token_scales[i].value() * weight_scale.value();
        double const found = (codes(i, j) - zeros[i]) * scales[i].value();
        CAPTURE(bits, i, j, wanted, found);
        CHECK(codes(i, j) < (1 << bits));
        CHECK(std::abs(found - wanted) <= 1.004 * scales[i].value() + 0.004 * std::abs(wanted));
      }
    }
    CHECK((codes(0, 3) == 0 && zeros[0] == 0 && scales[0] == dyadic{128, 7}));
    CHECK((zeros[2] == (1 << bits) - 1 && codes(2, 0) == 0));
  }
  matrix<std::uint8_t> codes(7, 53);
  std::vector<std::uint8_t> zeros(7);
  std::vector<dyadic> scales(7);
  std::vector<dyadic> const large(7, dyadic{255, 0});
  CHECK_THROWS_WITH(
      requantize(on, sums.view(), {large.data(), 7}, {255, 0}, 4, codes.view(), {zeros.data(), 7}, {scales.data(), 7}),
      contains_text("the new scale of row 1"));
  CHECK_THROWS_WITH(
      requantize(on, sums.view(), {large.data(), 7}, {255, 0}, 9, codes.view(), {zeros.data(), 7}, {scales.data(), 7}),
      contains_text("codes of 9 bits"));
}

TEST_CASE("Dyadic scales are the nearest ones", "[attention][dyadic]") {
  for (double s = 0x1p-56; s <= 255; s *= 1.0937) {
    dyadic const found = to_dyadic(s);
    CAPTURE(s, static_cast<int>(found.m), static_cast<int>(found.k));
    CHECK(found.m >= 128);
    double const unit = std::ldexp(1, -static_cast<int>(found.k));
    CHECK((std::abs(found.value() - s) <= 0.5 * unit));
  }
  CHECK(to_dyadic(1) == dyadic{128, 7});
  CHECK(to_dyadic(255) == dyadic{255, 0});
  CHECK(to_dyadic(0.99999) == dyadic{128, 7});
  for (double const s : {0.0, -1.0, 255.9, 1e-30, static_cast<double>(not_a_number)}) {
    CHECK_THROWS_WITH(to_dyadic(s), contains_text("a scale of"));
  }
}

TEST_CASE("Outlier metrics are those of the formulas, in any parts", "[loss][outlier_metrics]") {
  auto x = gaussian_matrix<float>(40, 33, 3);
  for (std::size_t k = 0; k < 40 * 33; ++k) {
    x.data()[k] = x.data()[k] * (k % 50 == 0 ? 20.0F : 1.0F) + 3.0F;
  }
  double mean = 0;
  double peaks = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    double peak = 0;
    for (std::size_t j = 0; j < 33; ++j) {
      mean += static_cast<double>(x(i, j)) / (40 * 33);
      peak = std::max(peak, std::abs(static_cast<double>(x(i, j))));
    }
    peaks += peak / 40;
  }
  double second = 0;
  double fourth = 0;
  double largest = 0;
  for (std::size_t k = 0; k < 40 * 33; ++k) {
    double const d = static_cast<double>(x.data()[k]) - mean;
    second += d * d / (40 * 33);
    fourth += d * d * d * d / (40 * 33);
    largest = std::max(largest, std::abs(static_cast<double>(x.data()[k])));
  }
  outlier_metrics whole;
  whole.add(x.view());
  CHECK(whole.rows() == 40);
  CHECK(whole.max_norm() == largest);
  CHECK(std::abs(whole.mean_row_max_norm() - peaks) <= 1e-12 * peaks);
  CHECK(std::abs(whole.kurtosis() - fourth / (second * second)) <= 1e-9 * whole.kurtosis());
  CHECK(whole.kurtosis() > 10);

  outlier_metrics in_calls;
  outlier_metrics other;
  in_calls.add(x.view().row_block(0, 1));
  in_calls.add(x.view().row_block(1, 0));
  in_calls.add(x.view().row_block(1, 39));
  CHECK(in_calls.kurtosis() == whole.kurtosis());
  outlier_metrics half_of_it;
  half_of_it.add(x.view().row_block(0, 13));
  other.add(x.view().row_block(13, 27));
  half_of_it.combine(other);
  half_of_it.combine(outlier_metrics{});
  CHECK(std::abs(half_of_it.kurtosis() - whole.kurtosis()) <= 1e-12 * whole.kurtosis());
  CHECK((half_of_it.max_norm() == largest && half_of_it.rows() == 40));

  outlier_metrics zeros;
  CHECK((zeros.kurtosis() == 0 && zeros.mean_row_max_norm() == 0));
  zeros.add(matrix<float>(2, 5).view());
  CHECK((zeros.kurtosis() == 0 && zeros.max_norm() == 0 && zeros.rows() == 2));
  x(7, 4) = not_a_number;
  CHECK_THROWS_WITH(zeros.add(x.view()), contains_text("row 9, column 4 holds nan"));
  CHECK(zeros.rows() == 2);
}
