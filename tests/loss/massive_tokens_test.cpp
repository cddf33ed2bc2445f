#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <dfrot/backend/cpu/massive_candidates.hpp>
#include <dfrot/backend/reference/massive_candidates.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/massive_detector.hpp>
#include <dfrot/transform/rms_norm.hpp>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

vector_view<token_error const> view(std::vector<token_error> const& errors) { return {errors.data(), errors.size()}; }

}  // namespace

TEST_CASE("the threshold rule marks tokens whose error is below it") {
  std::vector<token_error> const errors{{1, 10}, {4, 10}, {9, 10}};
  auto const found = massive_by_threshold(view(errors), 2.0);
  CHECK(found.is_massive == std::vector<std::uint8_t>{1, 0, 0});
  CHECK(found.count == 1);
  CHECK(found.rule == "threshold");
  CHECK(found.threshold == 2.0);
  CHECK_THROWS_AS(massive_by_threshold(view(errors), 0.0), std::invalid_argument);
  CHECK_THROWS_AS(massive_by_threshold(view(errors), std::nan("")), std::invalid_argument);
}

TEST_CASE("the comparison rule marks tokens that an orthogonal rotation does not help") {
  std::vector<token_error> const unrotated{{1, 10}, {4, 10}, {9, 10}, {0, 0}};
  std::vector<token_error> const orthogonal{{2, 10}, {4, 10}, {3, 10}, {0, 0}};
  auto const found = massive_by_comparison(view(unrotated), view(orthogonal));
  CHECK(found.is_massive == std::vector<std::uint8_t>{1, 1, 0, 0});
  CHECK(found.rule == "compare");
  CHECK_THROWS_AS(massive_by_comparison(view(unrotated), {}), std::invalid_argument);
}

TEST_CASE("the max-to-median ratio is the largest magnitude over the median") {
  std::vector<float> scratch(5);
  std::vector<float> x{-1, 2, 3, -40, 5};
  vector_view<float> const room{scratch.data(), 5};
  CHECK(max_to_median(vector_view<float const>(x.data(), 5), room) == 40.0 / 3.0);
  CHECK(max_to_median(vector_view<float const>(x.data(), 4), room) == 40.0 / 3.0);
  CHECK(max_to_median(vector_view<float const>(x.data(), 1), room) == 1);
  CHECK(max_to_median(vector_view<float const>(x.data(), 0), room) == 1);
  std::vector<float> const sparse{0, 0, 0, 9, 0};
  CHECK(max_to_median(vector_view<float const>(sparse.data(), 5), room) == 1);
}

TEST_CASE("the automatic line stands in the first wide gap above 100") {
  double const infinity = std::numeric_limits<double>::infinity();
  CHECK(massive_ratio_threshold({}) == infinity);
  CHECK(massive_ratio_threshold({5, 6, 7, 45}) == infinity);
  CHECK(massive_ratio_threshold({5, 20, 299}) == infinity);
  CHECK(massive_ratio_threshold({1200, 5, 40, 1000}) == std::sqrt(100.0 * 1000.0));
  CHECK(massive_ratio_threshold({1200, 1000}) == std::sqrt(100.0 * 1000.0));
  CHECK(massive_ratio_threshold({5, 150, 500, 50000}) == std::sqrt(150.0 * 500.0));
  // A heavy tail without a gap is no second kind of token.
  std::vector<double> tail;
  for (double ratio = 5; ratio < 5000; ratio *= 1.5) {
    tail.push_back(ratio);
  }
  CHECK(massive_ratio_threshold(tail) == infinity);
}

TEMPLATE_TEST_CASE("the automatic rule finds planted tokens and nothing in Gaussian rows", "", float, double, half) {
  for (std::size_t const channels : {64U, 896U, 4096U}) {
    std::size_t const rows = 300;
    auto x = gaussian_matrix<TestType>(rows, channels, channels);
    auto const none = massive_automatic(cpu::policy{2}, x.view());
    CHECK(none.count == 0);
    CHECK(none.rule == "auto");
    CHECK(none.threshold == std::numeric_limits<double>::infinity());
    for (std::size_t const token : {0U, 17U, 299U}) {
      x(token, 5) = static_cast<TestType>(900.0F);
    }
    auto const found = massive_automatic(cpu::policy{2}, x.view());
    CAPTURE(channels, found.threshold);
    CHECK(found.count == 3);
    CHECK(found.is_massive[17] == 1);
    for (int const threads : {1, 5}) {
      CHECK(massive_automatic(cpu::policy{threads}, x.view()).is_massive == found.is_massive);
    }
    CHECK(massive_automatic(reference::policy{}, x.view()).threshold == found.threshold);
  }
}

TEST_CASE("the automatic rule takes empty, constant and sparse rows for ordinary") {
  CHECK(massive_automatic(cpu::policy{}, matrix<float>(0, 8).view()).count == 0);
  CHECK(massive_automatic(cpu::policy{}, matrix<float>(3, 0).view()).count == 0);
  matrix<float> x(3, 64);
  x(1, 3) = 1e6F;
  std::fill_n(&x(2, 0), 64, 5.0F);
  CHECK(massive_automatic(cpu::policy{}, x.view()).count == 0);
}

namespace {

/// The rule with every ratio from a full sort, and nothing left out.
template <class T>
massive_tokens by_sorting(matrix<T> const& x) {
  std::vector<double> ratios(x.rows());
  std::vector<std::size_t> channels(x.rows());
  std::vector<bool> dominated(x.rows());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    std::vector<double> magnitudes(x.columns());
    double energy = 0;
    for (std::size_t j = 0; j < x.columns(); ++j) {
      magnitudes[j] = std::fabs(static_cast<double>(load(x(i, j))));
      energy += magnitudes[j] * magnitudes[j];
    }
    auto const peak = std::max_element(magnitudes.begin(), magnitudes.end());
    channels[i] = static_cast<std::size_t>(peak - magnitudes.begin());
    std::sort(magnitudes.begin(), magnitudes.end());
    double four = 0;
    for (std::size_t j = x.columns() - std::min<std::size_t>(x.columns(), 4); j < x.columns(); ++j) {
      four += magnitudes[j] * magnitudes[j];
    }
    double const median = magnitudes[x.columns() / 2];
    ratios[i] = median > 0 ? magnitudes.back() / median : 1;
    dominated[i] = ratios[i] > 100 && four >= 0.95 * energy;
  }
  double const threshold = massive_ratio_threshold(ratios);
  massive_tokens result{std::vector<std::uint8_t>(x.rows()), 0, "auto", threshold};
  for (std::size_t i = 0; i < x.rows(); ++i) {
    std::size_t alike = 0;
    std::size_t all = 0;
    for (std::size_t k = 0; k < x.rows(); ++k) {
      all += dominated[k] ? 1 : 0;
      alike += dominated[k] && channels[k] == channels[i] ? 1 : 0;
    }
    bool const recurs = dominated[i] && alike >= 8 && 8 * alike >= all;
    result.is_massive[i] = ratios[i] >= threshold || recurs ? 1 : 0;
    result.count += result.is_massive[i];
  }
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("the automatic rule is the rule over all ratios, to the bit", "", float, double, half, bfloat16) {
  for (std::size_t const channels : {1U, 2U, 3U, 63U, 64U, 129U, 300U}) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      auto x = gaussian_matrix<TestType>(60, channels, seed);
      for (std::size_t i = 0; i < 60; ++i) {
        // Ratios of 100 and 300 to the bit and beside them, sparse rows, subnormal rows, zeros; a chain in some seeds.
        double const ratio = i % 6 == 0   ? 100 + static_cast<double>(i) - 30
                             : i % 6 == 1 ? 60.0 * static_cast<double>(i)
                                          : 3;
        double const unit = seed % 4 == 3 ? 6e-7 : 1;
        for (std::size_t j = 0; j < channels; ++j) {
          bool const small = j % 2 == 0 || j > channels / 2;
          double const value = j == channels / 3 ? ratio : small ? 1.0 : seed % 3 == 0 ? 0.25 : -1.0;
          x(i, j) = static_cast<TestType>(static_cast<arithmetic_t<TestType>>(i % 6 == 5 && small ? 0 : value * unit));
        }
      }
      auto const expected = by_sorting(x);
      auto const found = massive_automatic(cpu::policy{2}, x.view());
      CAPTURE(channels, seed, expected.threshold);
      CHECK(found.is_massive == expected.is_massive);
      CHECK(found.count == expected.count);
      CHECK(found.threshold == expected.threshold);
      auto const plain = massive_automatic(cpu::basic_policy<cpu::portable>{1}, x.view());
      CHECK(plain.is_massive == expected.is_massive);
      auto const slow = massive_automatic(reference::policy{}, x.view());
      CHECK(slow.is_massive == expected.is_massive);
      CHECK(slow.threshold == expected.threshold);
    }
  }
}

TEST_CASE("a scan over blocks finds what one look at all tokens finds, and visits the candidates in order") {
  auto x = gaussian_matrix<float>(100, 96, 3);
  for (std::size_t const token : {0U, 41U, 42U, 99U}) {
    x(token, 5) = 900.0F;
  }
  x(70, 5) = 100.0F;  // a candidate that is not massive
  auto const whole = massive_automatic(cpu::policy{}, x.view());
  REQUIRE(whole.count == 4);
  massive_detector scan;
  std::vector<std::size_t> visited;
  std::vector<float> peaks;
  for (std::size_t first = 0; first < 100; first += 42) {
    scan.add(cpu::policy{2}, x.view().row_block(first, std::min<std::size_t>(42, 100 - first)),
             [&](std::size_t token, vector_view<float const> row) {
               visited.push_back(token);
               peaks.push_back(row[5]);
             });
  }
  CHECK(scan.tokens() == 100);
  CHECK(visited == std::vector<std::size_t>{0, 41, 42, 70, 99});
  CHECK(peaks == std::vector<float>{900, 900, 900, 100, 900});
  auto const found = scan.result();
  CHECK(found.is_massive == whole.is_massive);
  CHECK(found.threshold == whole.threshold);
  CHECK(massive_detector().result().is_massive.empty());
}

TEST_CASE("the automatic rule finds exactly the massive rows of real activations") {
  char const* const data = std::getenv("DFROT_DATA");
  if (data == nullptr) {
    WARN("skipped: DFROT_DATA is not set");
    return;
  }
  std::string const folder = std::string(data) + "/qwen2.5-0.5b_layer12/";
  auto x = read_npy<float>(folder + "hidden.npy");
  REQUIRE(x.rows() == 77);
  rms_norm(cpu::policy{}, x.view());
  auto const found = massive_automatic(cpu::policy{2}, x.view());
  CHECK(found.count == 53);
  // What tells massive from ordinary rows there: the massive ones peak in channel 62.
  for (std::size_t i = 0; i < 77; ++i) {
    CHECK((found.is_massive[i] != 0) == (std::fabs(x(i, 62)) > 25.0F));
  }
}

TEST_CASE("the summary separates the two kinds and weights the loss by alpha squared") {
  std::vector<token_error> const errors{{1, 10}, {4, 8}, {9, 90}};
  auto const massive = massive_by_threshold(view(errors), 1.5);  // the first token
  auto const found = summarize(view(errors), massive, 100);
  CHECK(found.massive == 0.1);
  CHECK(found.ordinary == (0.5 + 0.1) / 2);
  CHECK(found.weighted_loss == 13 + 1e4);
  CHECK(std::isnan(summarize(view(errors), massive_by_threshold(view(errors), 0.5), 100).massive));
  CHECK(std::isnan(summarize(view(errors), massive_by_threshold(view(errors), 9.5), 100).ordinary));
  CHECK_THROWS_AS(summarize(view(errors), massive, -1), std::invalid_argument);
  CHECK_THROWS_AS(summarize(view(errors), massive, std::nan("")), std::invalid_argument);
  CHECK_THROWS_AS(summarize({errors.data(), 2}, massive, 1), std::invalid_argument);
}
