#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/transform/rms_norm.hpp>

#include "sample_tables.hpp"

namespace dfrot::example {

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
  sample_tables const tables(seed, n);
  matrix<float> x(size.tokens, n);
  parallel_for(threads, size.tokens, [&](std::size_t i) {
    bool const is_massive = i % size.massive_every == 0;
    for (std::size_t block = 0; block < blocks; ++block) {
      auto const g = gaussian_block(seed, random_stream::sample, i * blocks + block, detail::token_lane);
      for (std::size_t j = 4 * block; j < std::min(n, 4 * block + 4); ++j) {
        double const noise = g.value[j % 4];
        x(i, j) = static_cast<float>(is_massive ? tables.massive_row[j] + 0.01 * noise
                                                : tables.mean[j] + tables.spread[j] * noise);
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
