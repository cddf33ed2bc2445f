#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/random.hpp>

namespace dfrot::example {

/// How large the built-in sample is.
struct sample_size {
  std::size_t tokens = 8192;
  std::size_t channels = 1024;
  std::size_t massive_every = 512;  ///< a massive token starts each sequence of this length: 16 in 8,192 tokens
};

namespace detail {

/// One channel that stands out, with its share of a row's energy.
struct outlier {
  double energy;  ///< mean of x^2 over n
  double sign;
};

// Both tables follow the hidden state after layer 12 of Qwen2.5-0.5B (896 channels, RMS-normalised rows).

/// Ordinary tokens: the largest channel has 14 % of a row's energy after normalisation, so that max / rms is about
/// 0.37 sqrt(n), 12 at 1,024 channels (real rows: 9 to 16); the next has half of that, then 2 % and less. Each varies
/// by 12 % around its mean, always with the same sign, as in real rows.
inline constexpr std::array<outlier, 10> ordinary_outliers{{{0.115, +1},
                                                            {0.065, -1},
                                                            {0.022, +1},
                                                            {0.019, +1},
                                                            {0.016, -1},
                                                            {0.011, -1},
                                                            {0.009, +1},
                                                            {0.007, -1},
                                                            {0.006, +1},
                                                            {0.005, +1}}};

/// Massive tokens: one channel has 97.3 % of the energy, always the same (real rows: 29.53 of a possible 29.93), the
/// next 0.5 %, 0.37 % and so on; what is left is spread over all others.
inline constexpr std::array<outlier, 8> massive_outliers{
    {{0.9730, +1}, {0.0051, +1}, {0.0037, -1}, {0.0034, +1}, {0.0023, +1}, {0.0018, +1}, {0.0015, -1}, {0.0013, +1}}};

// Places in the counter space of the sample's random stream (the lane); within a lane, the block number counts.
enum sample_lane : std::uint32_t { channel_spread_lane = 0, token_lane = 1, massive_row_lane = 2 };

/// Number j of a row of normal numbers, four to a block.
inline double normal(std::uint64_t seed, sample_lane lane, std::size_t row, std::size_t blocks, std::size_t j) {
  return gaussian_block(seed, random_stream::sample, row * blocks + j / 4, lane).value[j % 4];
}

}  // namespace detail

/// What the rows of the sample are made of; see make_sample().
struct sample_tables {
  std::vector<double> spread;
  std::vector<double> mean;
  std::vector<double> massive_row;

  sample_tables(std::uint64_t seed, std::size_t n) : spread(n), mean(n), massive_row(n) {
    std::size_t const blocks = (n + 3) / 4;
    double const root = std::sqrt(static_cast<double>(n));
    auto const place = [n](std::size_t k) { return (11 + 37 * k) % n; };
    for (std::size_t j = 0; j < n; ++j) {
      double const h = detail::normal(seed, detail::channel_spread_lane, 0, blocks, j);
      spread[j] = 0.25 + 0.34 * h * h;
      double const g = detail::normal(seed, detail::massive_row_lane, 0, blocks, j);
      massive_row[j] = 0.05 * g * std::abs(g);
    }
    for (std::size_t k = 0; k < detail::ordinary_outliers.size(); ++k) {
      auto const& [energy, sign] = detail::ordinary_outliers[k];
      mean[place(k)] = sign * std::sqrt(energy) * root;
      spread[place(k)] = 0.12 * std::sqrt(energy) * root;
    }
    for (std::size_t k = 0; k < detail::massive_outliers.size(); ++k) {
      auto const& [energy, sign] = detail::massive_outliers[k];
      massive_row[place(k + 3)] = sign * std::sqrt(energy) * root;
    }
  }
};

}  // namespace dfrot::example
