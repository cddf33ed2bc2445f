// What a short rotation costs online, interleaved with the Hadamard that it contains.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <dfrot/cpu.hpp>
#include <string>
#include <utility>
#include <vector>

#include "gaussian_rows.hpp"
#include "problems.hpp"

namespace dfrot::bench {

namespace {

/// A rotation by 0.4 in planes of neighbouring directions: `axes` channels and `dense` other directions.
short_rotation make_rotation(std::size_t n, std::size_t axes, std::size_t dense) {
  std::vector<std::size_t> channels;
  for (std::size_t k = 0; k < axes; ++k) {
    channels.push_back(k * n / axes + 3);
  }
  auto basis = orthonormal_rows(gaussian_rows(dense, n, 1), channels);
  std::size_t const r = axes + dense;
  matrix<double> turn(r, r);
  for (std::size_t k = 0; k + 1 < r; k += 2) {
    turn(k, k) = turn(k + 1, k + 1) = std::cos(0.4);
    turn(k, k + 1) = std::sin(0.4);
    turn(k + 1, k) = -std::sin(0.4);
  }
  return {randomized_hadamard(n, 1), low_rank_rotation(n, channels, std::move(basis), std::move(turn))};
}

}  // namespace

void online_cost(std::size_t channels, int rounds) {
  std::size_t const rows = std::max<std::size_t>(2, 65536 / channels);  // 256 KiB
  matrix<float> x(rows, channels);
  for (std::size_t i = 0; i < rows * channels; ++i) {
    x.data()[i] = std::sin(static_cast<float>(i));
  }
  struct contender {
    std::string name;
    short_rotation rotation;
    double least = 1e9;
  };
  std::vector<contender> contenders{
      {"rank 2: a channel and 1 other direction", make_rotation(channels, 1, 1)},
      {"rank 2: no channel, 2 directions", make_rotation(channels, 0, 2)},
      {"rank 4: 2 channels and 2 others", make_rotation(channels, 2, 2)},
      {"rank 8: 4 channels and 4 others", make_rotation(channels, 4, 4)},
  };
  randomized_hadamard const alone(channels, 1);
  cpu::policy const on{1};
  double least = 1e9;
  auto const measure = [&](auto const& rotation) {
    constexpr int repeats = 4;
    double const began = seconds_now();
    for (int k = 0; k < repeats; ++k) {
      apply(on, rotation, x.view());
    }
    return (seconds_now() - began) / static_cast<double>(rows) / repeats;
  };
  for (int round = 0; round < rounds; ++round) {
    least = std::min(least, measure(alone));
    for (auto& c : contenders) {
      c.least = std::min(c.least, measure(c.rotation));
    }
  }
  std::printf("online, n = %zu, float32, one core, rows in the second cache (ns a row, times the Hadamard)\n",
              channels);
  std::printf("  %-45s %7.0f\n", "Hadamard alone, with signs", least * 1e9);
  for (auto const& c : contenders) {
    std::printf("  %-45s %7.0f  %.2f\n", c.name.c_str(), c.least * 1e9, c.least / least);
  }
}

}  // namespace dfrot::bench
