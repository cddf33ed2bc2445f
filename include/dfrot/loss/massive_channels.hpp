#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/loss/max_to_median.hpp>

namespace dfrot {

/// Four channels with this share of the energy leave next to nothing to the others: a Hadamard leaves such a token about a
/// quarter of an ordinary one's error, and a refinement lowers that further.
inline constexpr double least_massive_share = 0.95;

/// True if very few channels have next to all of the token: its max-to-median ratio is above 100, and the four largest channels have
/// 0.95 of its energy; some models have massive tokens in two channels or three. The ratio alone would take rows for massive
/// whose typical channel is tiny, such as inputs of down_proj.
[[nodiscard]] DFROT_PER_ISA inline bool is_dominated(token_peak const& peak) {
  return peak.ratio > massive_ratio_floor && peak.share >= least_massive_share;
}

/// The channels in which massive activations recur: where at least 8 dominated tokens peak, and an eighth of all dominated
/// tokens. Needs no gap between ratios, which the tokens of many layers do not leave: layers before and after the massive
/// ones fill it. What sets massive activations apart there is that they stand in very few channels, over tokens and
/// layers; the largest values of heavy-tailed rows stand anywhere.
/// With all peaks at random channels, the 64 dominated tokens that hide it best give a channel to one in a thousand sets of
/// 64 channels, and to fewer than one in 10^9 sets of 1,024.
/// @param peaks of tokens in any order; those with ratios up to 100 may be missing   @return the channels, ascending
/// Complexity: O(p log p).   Determinism: exact.
/// Source: this library, docs/refinement.md; that massive activations stand in few fixed channels: Sun, Chen, Kolter,
/// Liu, arXiv 2402.17762, section 2.
[[nodiscard]] DFROT_PER_ISA inline std::vector<std::size_t> massive_channels(std::vector<token_peak> const& peaks) {
  constexpr std::size_t least_tokens = 8;
  constexpr std::size_t least_share = 8;  // one in so many
  std::vector<std::size_t> dominated;
  for (token_peak const& peak : peaks) {
    if (is_dominated(peak)) {
      dominated.push_back(peak.channel);
    }
  }
  // Compared by our own function for the reason given in max_to_median().
  std::sort(dominated.begin(), dominated.end(), [](std::size_t a, std::size_t b) { return a < b; });
  std::vector<std::size_t> channels;
  for (std::size_t first = 0; first < dominated.size();) {
    std::size_t last = first;
    while (last < dominated.size() && dominated[last] == dominated[first]) {
      ++last;
    }
    if (last - first >= least_tokens && (last - first) * least_share >= dominated.size()) {
      channels.push_back(dominated[first]);
    }
    first = last;
  }
  return channels;
}

}  // namespace dfrot
