#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/massive_channels.hpp>
#include <dfrot/loss/max_to_median.hpp>
#include <dfrot/loss/token_error.hpp>

namespace dfrot {

/// Which tokens carry massive activations, and by which rule they were found.
struct massive_tokens {
  std::vector<std::uint8_t> is_massive;  ///< one flag a token
  std::size_t count = 0;                 ///< tokens with the flag
  std::string rule;                      ///< "threshold", "compare" or "auto"
  double threshold = 0;  ///< what the rule compared with: an error, an error ratio, or a max-to-median ratio
  std::vector<std::size_t> channels{};  ///< of "auto": those in which tokens below the threshold are massive, ascending
};

/// Marks the tokens that a test of the caller's finds massive.
/// @param tokens how many there are   @param rule its name   @param threshold what it compares with
/// @param is_massive called as is_massive(token), in order   Complexity: O(tokens).
template <class IsMassive>
[[nodiscard]] DFROT_PER_ISA massive_tokens mark_massive(std::size_t tokens, std::string rule, double threshold,
                                                        IsMassive const& is_massive) {
  massive_tokens result{std::vector<std::uint8_t>(tokens), 0, std::move(rule), threshold};
  for (std::size_t i = 0; i < tokens; ++i) {
    result.is_massive[i] = is_massive(i) ? 1 : 0;
    result.count += result.is_massive[i];
  }
  return result;
}

namespace detail {

[[nodiscard]] DFROT_PER_ISA inline bool contains(std::vector<std::size_t> const& channels, std::size_t channel) {
  return std::any_of(channels.begin(), channels.end(), [channel](std::size_t each) { return each == channel; });
}

}  // namespace detail

/// The paper's rule: a token is massive if its unrotated error ||x - Q(x)||_2 is below a fixed threshold. One huge
/// channel takes the whole scale, all others round to zero, and little energy is lost with them.
/// @param unrotated token errors without rotation   @param threshold in the units of the activations; the paper has 8.5
/// at 4096 RMS-normalised channels   Complexity: O(m).   Determinism: exact.
/// Throws: std::invalid_argument unless threshold > 0.   Source: arXiv 2412.00648, section 3 and the authors' code.
[[nodiscard]] DFROT_PER_ISA inline massive_tokens massive_by_threshold(vector_view<token_error const> unrotated,
                                                                       double threshold) {
  expects(threshold > 0, "massive tokens: the threshold is ", threshold, "; it must be above 0");
  return mark_massive(unrotated.size, "threshold", threshold,
                      [&](std::size_t i) { return unrotated[i].error() < threshold; });
}

/// The paper's second rule (for Mistral): a token is massive if a random orthogonal rotation does not lower its error,
///   ||x R - Q(x R)||_2 >= ||x - Q(x)||_2;   the threshold reported is the error ratio 1.
/// A token that is represented exactly both ways (zeros) is not massive.
/// @param unrotated token errors without rotation   @param orthogonal the same tokens under a random orthogonal
/// rotation
/// Complexity: O(m).   Determinism: exact.   Throws: std::invalid_argument if the lengths differ.
/// Source: arXiv 2412.00648, the authors' code.
[[nodiscard]] DFROT_PER_ISA inline massive_tokens massive_by_comparison(vector_view<token_error const> unrotated,
                                                                        vector_view<token_error const> orthogonal) {
  expects(unrotated.size == orthogonal.size, "massive tokens: ", unrotated.size, " unrotated errors, but ",
          orthogonal.size, " under the orthogonal rotation");
  return mark_massive(unrotated.size, "compare", 1.0, [&](std::size_t i) {
    return orthogonal[i].squared_error > 0 && orthogonal[i].squared_error >= unrotated[i].squared_error;
  });
}

/// Marks massive tokens by their peaks, without a threshold from the user. A token is massive if
///   its max-to-median ratio lies beyond the gap that massive_ratio_threshold() finds among all of them, or
///   very few channels dominate it (is_dominated()), and dominated tokens recur in the largest of them (massive_channels()).
/// The first shows a few tokens of one layer, the second the tokens of many layers, whose ratios leave no gap.
/// @param tokens how many there are   @param peaks of those with a ratio above 100 (others may be among them), any order
/// Complexity: O(tokens + p log p).   Determinism: exact; the order of the tokens does not matter.
/// @pre every peak's token is below `tokens`
[[nodiscard]] DFROT_PER_ISA inline massive_tokens massive_by_peaks(std::size_t tokens,
                                                                   std::vector<token_peak> const& peaks) {
  std::vector<double> ratios(peaks.size());
  std::transform(peaks.begin(), peaks.end(), ratios.begin(), [](token_peak const& peak) { return peak.ratio; });
  massive_tokens found{std::vector<std::uint8_t>(tokens), 0, "auto", massive_ratio_threshold(std::move(ratios))};
  std::vector<std::size_t> const recurring = massive_channels(peaks);
  for (token_peak const& peak : peaks) {
    bool const beyond = peak.ratio >= found.threshold;
    if (beyond || (is_dominated(peak) && detail::contains(recurring, peak.channel))) {
      found.is_massive[peak.token] = 1;
      ++found.count;
      if (!beyond && !detail::contains(found.channels, peak.channel)) {
        found.channels.push_back(peak.channel);
      }
    }
  }
  // Compared by our own function for the reason given in max_to_median().
  std::sort(found.channels.begin(), found.channels.end(), [](std::size_t a, std::size_t b) { return a < b; });
  return found;
}

}  // namespace dfrot
