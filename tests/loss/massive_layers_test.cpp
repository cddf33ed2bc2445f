// Massive tokens in rows that are pooled from many layers, where the ratios leave no gap.

#include <algorithm>
#include <cmath>
#include <dfrot/backend/cpu/massive_candidates.hpp>
#include <dfrot/backend/reference/massive_candidates.hpp>
#include <dfrot/loss/massive_detector.hpp>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

template <class T>
token_peak peak_in(matrix<T> const& x, std::size_t row) {
  std::vector<arithmetic_t<T>> scratch(x.columns());
  return peak_of(row, vector_view<T const>(&x(row, 0), x.columns()),
                 vector_view<arithmetic_t<T>>(scratch.data(), scratch.size()));
}

/// Raises one channel of a row to a multiple of the row's median.
template <class T>
void raise(matrix<T>& x, std::size_t row, std::size_t channel, double ratio) {
  x(row, channel) = static_cast<T>(static_cast<arithmetic_t<T>>(60000));
  double const median = 60000 / peak_in(x, row).ratio;
  x(row, channel) = static_cast<T>(static_cast<arithmetic_t<T>>(ratio * median));
}

/// Layers one after the other: ordinary rows with outliers in two channels, and, from the second layer on, two rows a layer with a
/// peak in channel 5 whose ratios go up and down again like a ladder. True where they are massive: in 576 channels, a peak of 132
/// times the median leaves 6 % of the energy to the others.
template <class T>
std::vector<std::uint8_t> plant_layers(matrix<T>& x, std::size_t layers) {
  std::vector<double> const ladder{61, 84, 132, 198, 301, 484, 767, 484, 301, 198, 132, 84};
  std::size_t const rows = x.rows() / layers;
  std::vector<std::uint8_t> planted(x.rows());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    std::size_t const layer = i / rows;
    if (i % rows < 2 && layer > 0) {
      double const ratio = ladder[(layer - 1) % ladder.size()];
      raise(x, i, 5, ratio);
      planted[i] = ratio > 150 ? 1 : 0;
    } else {
      raise(x, i, i % 2 == 0 ? 7 : 3, i % rows < 6 ? 84 : 20 + static_cast<double>(i % 41));
    }
  }
  return planted;
}

template <class Draw>
matrix<float> drawn(std::size_t rows, std::size_t channels, Draw draw) {
  matrix<float> x(rows, channels);
  std::mt19937_64 generator(rows * channels);
  std::generate_n(x.data(), rows * channels, [&] { return static_cast<float>(draw(generator)); });
  return x;
}

template <class T>
massive_detector scan_of(matrix<T> const& x, std::size_t block = 64, int threads = 2) {
  massive_detector scan;
  for (std::size_t first = 0; first < x.rows(); first += block) {
    scan.add(cpu::policy{threads}, x.view().row_block(first, std::min(block, x.rows() - first)));
  }
  return scan;
}

}  // namespace

TEST_CASE("the peak of a token: its largest channel, its ratio, and the energy share of the four largest") {
  matrix<double> x(4, 6);
  std::vector<double> const values{1,     -3, 2,     3, 1,     -2, 0,      0, 0,       0,      0, 0,
                                   1e300, 0,  1e300, 0, 1e300, 0,  1e-320, 0, -1e-310, 1e-320, 0, 0};
  std::copy(values.begin(), values.end(), x.data());
  auto const first = peak_in(x, 0);
  CHECK(first.token == 0);
  CHECK(first.channel == 1);
  CHECK(first.ratio == 1.5);  // the upper median of 1, 1, 2, 2, 3, 3
  CHECK(std::fabs(first.share - 26.0 / 28.0) < 1e-12);
  CHECK(peak_in(x, 1).share == 0);
  CHECK(std::fabs(peak_in(x, 2).share - 1) < 1e-12);
  CHECK(peak_in(x, 3).channel == 2);
  CHECK(std::fabs(peak_in(x, 3).share - 1) < 1e-12);
}

TEMPLATE_TEST_CASE("massive tokens of many layers are found where the ratios leave no gap", "", float, double, half,
                   bfloat16) {
  std::size_t const layers = 25;
  auto x = gaussian_matrix<TestType>(layers * 40, 576, 1);
  auto const planted = plant_layers(x, layers);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    ratios.push_back(peak_in(x, i).ratio);
  }
  REQUIRE(massive_ratio_threshold(ratios) == std::numeric_limits<double>::infinity());

  auto const found = massive_automatic(cpu::policy{2}, x.view());
  CHECK(found.is_massive == planted);
  CHECK(found.count == 28);
  CHECK(found.channels == std::vector<std::size_t>{5});
  CHECK(found.threshold == std::numeric_limits<double>::infinity());
  for (std::size_t const block : {1U, 33U, 40U, 4096U}) {
    CHECK(scan_of(x, block, static_cast<int>(1 + block % 4)).result().is_massive == planted);
  }
  CHECK(massive_automatic(reference::policy{}, x.view()).is_massive == planted);
  CHECK(massive_automatic(cpu::basic_policy<cpu::portable>{3}, x.view()).is_massive == planted);
}

TEST_CASE("the order of tokens and of channels changes nothing in which are massive") {
  std::size_t const layers = 25;
  auto x = gaussian_matrix<float>(layers * 30, 576, 2);
  auto const planted = plant_layers(x, layers);
  std::mt19937_64 generator(3);
  std::vector<std::size_t> rows(x.rows());
  std::vector<std::size_t> columns(x.columns());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::iota(columns.begin(), columns.end(), std::size_t{0});
  std::shuffle(rows.begin(), rows.end(), generator);
  std::shuffle(columns.begin(), columns.end(), generator);
  matrix<float> mixed(x.rows(), x.columns());
  std::vector<std::uint8_t> expected;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    expected.push_back(planted[rows[i]]);
    for (std::size_t j = 0; j < x.columns(); ++j) {
      mixed(i, j) = x(rows[i], columns[j]);
    }
  }
  CHECK(massive_automatic(cpu::policy{2}, x.view()).is_massive == planted);
  CHECK(massive_automatic(cpu::policy{2}, mixed.view()).is_massive == expected);
}

TEST_CASE("what lies beyond a gap is massive, and so are tokens below it in channels where they recur") {
  auto x = gaussian_matrix<float>(400, 576, 4);
  for (std::size_t i = 0; i < 10; ++i) {
    raise(x, 10 * i, 5, 180 + 10 * static_cast<double>(i));
  }
  raise(x, 399, 77, 24900);
  auto const found = massive_automatic(cpu::policy{}, x.view());
  CHECK(found.count == 11);
  CHECK(found.is_massive[399] == 1);
  CHECK(std::fabs(found.threshold / std::sqrt(270 * 24900.0) - 1) < 1e-3);
  CHECK(found.channels == std::vector<std::size_t>{5});
  // Where a gap shows all of them, no channel is named.
  auto apart = gaussian_matrix<float>(400, 576, 5);
  for (std::size_t i = 0; i < 10; ++i) {
    raise(apart, 10 * i, 5, 500);
  }
  CHECK(massive_automatic(cpu::policy{}, apart.view()).count == 10);
  CHECK(massive_automatic(cpu::policy{}, apart.view()).channels.empty());
}

TEST_CASE("tokens that are massive in two channels are found as well") {
  auto x = gaussian_matrix<float>(600, 576, 7);
  std::vector<std::uint8_t> planted(600);
  for (std::size_t i = 0; i < 600; i += 60) {
    raise(x, i, 5, 160 + static_cast<double>(i) / 4);
    x(i, 9) = -0.7F * x(i, 5);
    planted[i] = 1;
  }
  auto const found = massive_automatic(cpu::policy{}, x.view());
  CHECK(found.threshold == std::numeric_limits<double>::infinity());
  CHECK(found.is_massive == planted);
}

TEST_CASE("a channel is massive where eight dominated tokens peak, and an eighth of them all") {
  auto const peaks = [](std::size_t in_one, std::size_t elsewhere) {
    std::vector<token_peak> all;
    for (std::size_t i = 0; i < in_one + elsewhere; ++i) {
      all.push_back({i, i < in_one ? 9 : 100 + i, 150, 0.95});
    }
    return all;
  };
  CHECK(massive_channels({}).empty());
  CHECK(massive_channels(peaks(7, 0)).empty());
  CHECK(massive_channels(peaks(8, 0)) == std::vector<std::size_t>{9});
  CHECK(massive_channels(peaks(8, 56)) == std::vector<std::size_t>{9});
  CHECK(massive_channels(peaks(8, 57)).empty());
  auto all = peaks(8, 0);
  all[3].share = 0.949;
  CHECK(massive_channels(all).empty());
  all[3] = {3, 9, massive_ratio_floor, 0.99};
  CHECK(massive_channels(all).empty());
}

TEST_CASE("rows without massive tokens have none: Gaussian, Laplace, Student's t, behind an activation") {
  std::normal_distribution<double> gauss;
  std::exponential_distribution<double> tail;
  for (std::size_t const channels : {64U, 576U, 4096U}) {
    std::size_t const rows = 400'000 / channels;
    CAPTURE(channels);
    CHECK(massive_automatic(cpu::policy{2}, drawn(rows, channels, gauss).view()).count == 0);
    auto const laplace = drawn(rows, channels, [&](auto& from) { return gauss(from) < 0 ? -tail(from) : tail(from); });
    CHECK(massive_automatic(cpu::policy{2}, laplace.view()).count == 0);
    for (double const freedom : {8.0, 5.0, 4.0}) {
      auto const student = drawn(rows, channels, std::student_t_distribution<double>(freedom));
      CHECK(massive_automatic(cpu::policy{2}, student.view()).count == 0);
    }
    // SiLU of a gate times up, both heavy-tailed: the input of down_proj.
    auto const active = drawn(rows, channels, [&](auto& from) {
      double const gate = 2 * gauss(from) * tail(from) - 1;
      return gate / (1 + std::exp(-gate)) * gauss(from);
    });
    CHECK(massive_automatic(cpu::policy{2}, active.view()).count == 0);
  }
}

TEST_CASE("one channel that has half of the energy of most rows is not massive") {
  // As measured at an input of down_proj: half of a row's energy in one channel, the typical value hundreds of times smaller.
  auto x = gaussian_matrix<float>(300, 1536, 6);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < x.columns(); ++j) {
      x(i, j) *= j % 16 == 3 ? 10.0F : 0.1F;
    }
    x(i, 40) = static_cast<float>(90 + i % 17);
  }
  auto const peaks = scan_of(x).peaks();
  REQUIRE(peaks.size() == 300);
  CHECK(massive_channels(peaks).empty());
}

TEST_CASE("rows of one huge value at a random channel are not massive in any channel") {
  for (std::size_t const channels : {64U, 576U}) {
    for (double const freedom : {0.5, 1.0, 2.0}) {
      auto const x = drawn(20'000 / (channels / 64), channels, std::student_t_distribution<double>(freedom));
      auto const peaks = scan_of(x, 1024).peaks();
      auto const dominated = std::count_if(peaks.begin(), peaks.end(), is_dominated);
      CAPTURE(channels, freedom, dominated);
      CHECK(dominated >= 20);  // else the next line shows nothing
      CHECK(massive_channels(peaks).empty());
    }
  }
}
