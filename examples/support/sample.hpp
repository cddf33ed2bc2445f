#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/transform/rms_norm.hpp>

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

/// Activations like the hidden states of a language model, before a rotation: tokens x channels, RMS 1 in every row.
///   ordinary token:  x_j = m_j + s_j g_j,   s_j = 0.25 + 0.34 h_j^2 with h_j normal and fixed: relative to the rms, the
///     spread of real channels lies between 0.16 and 1.3, its median at 0.33, its tail is long; m_j = 0 except for ten
///     outlier channels. The result: max / rms 9 to 16, max / median 20 to 45, unrotated INT4 relative squared error
///     0.1 to 0.27.
///   massive token (the first of each sequence):  x_j = v_j + 0.01 g_j with one fixed v: 97.3 % of the energy in one
///     channel, seven more above 0.1 %, the others 0.05 h |h| with h normal (long-tailed: their median is small beside
///     their rms). So max is 98.6 % of sqrt(n), the median of |x| about 1/1200 of it, two such rows have cosine 0.9999,
///     and the unrotated relative error is the 2.7 % of the energy outside the one channel.
/// Outlier channels stand at fixed places, j = 11 + 37 k mod n for ordinary and 11 + 37 (k + 3) for massive tokens, so
/// that some are shared, as in real models.
/// @param seed any   @param size tokens >= 1, channels >= 64 so that the outliers do not meet   @param threads at least 1
/// @param massive out, if not null: one flag a token
/// Complexity: O(tokens channels).   Determinism: the same bits for any number of threads.
[[nodiscard]] inline matrix<float> make_sample(std::uint64_t seed, sample_size const& size, int threads,
                                               std::vector<std::uint8_t>* massive = nullptr) {
  std::size_t const n = size.channels;
  std::size_t const blocks = (n + 3) / 4;
  double const root = std::sqrt(static_cast<double>(n));
  auto const place = [n](std::size_t k) { return (11 + 37 * k) % n; };
  std::vector<double> spread(n);
  std::vector<double> mean(n);
  std::vector<double> massive_row(n);
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
  matrix<float> x(size.tokens, n);
  parallel_for(threads, size.tokens, [&](std::size_t i) {
    bool const is_massive = i % size.massive_every == 0;
    for (std::size_t block = 0; block < blocks; ++block) {
      auto const g = gaussian_block(seed, random_stream::sample, i * blocks + block, detail::token_lane);
      for (std::size_t j = 4 * block; j < std::min(n, 4 * block + 4); ++j) {
        double const noise = g.value[j % 4];
        x(i, j) = static_cast<float>(is_massive ? massive_row[j] + 0.01 * noise : mean[j] + spread[j] * noise);
      }
    }
  });
  rms_norm(cpu::policy{threads}, x.view());
  if (massive != nullptr) {
    massive->resize(size.tokens);
    for (std::size_t i = 0; i < size.tokens; ++i) {
      (*massive)[i] = i % size.massive_every == 0 ? 1 : 0;
    }
  }
  return x;
}

}  // namespace dfrot::example
