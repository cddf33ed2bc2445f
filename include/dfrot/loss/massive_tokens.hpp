#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/massive_channels.hpp>
#include <dfrot/loss/peak_ratio.hpp>
#include <dfrot/loss/token_error.hpp>

namespace dfrot {

/// Which tokens carry massive activations, and by which rule they were found.
struct massive_tokens {
  std::vector<std::uint8_t> is_massive;  ///< one flag a token
  std::size_t count = 0;                 ///< tokens with the flag
  std::string rule;                      ///< "threshold", "compare" or "auto"
  double threshold = 0;                  ///< what the rule compared with: an error, an error ratio, or a peak ratio
  std::vector<std::size_t> channels{};  ///< of "auto": those in which tokens below the threshold are massive, ascending
};

namespace detail {

template <class IsMassive>
[[nodiscard]] DFROT_PER_ISA massive_tokens mark_massive(std::size_t tokens, std::string rule, double threshold,
                                                        IsMassive const& test) {
  massive_tokens result{std::vector<std::uint8_t>(tokens), 0, std::move(rule), threshold};
  for (std::size_t i = 0; i < tokens; ++i) {
    result.is_massive[i] = test(i) ? 1 : 0;
    result.count += result.is_massive[i];
  }
  return result;
}

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
  return detail::mark_massive(unrotated.size, "threshold", threshold,
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
  return detail::mark_massive(unrotated.size, "compare", 1.0, [&](std::size_t i) {
    return orthogonal[i].squared_error > 0 && orthogonal[i].squared_error >= unrotated[i].squared_error;
  });
}

/// True if policy P can tell rows of T whose peak ratio may lie above largest_ordinary_ratio.
template <class P, class T, class Space = typename P::memory_space>
concept can_large_peak = requires(P const& on, matrix_view<T const, Space> x, vector_view<std::uint8_t, Space> flags) {
  large_peak_rows(on, x, flags);
};

/// Marks massive tokens by their peaks, without a threshold from the user. A token is massive if
///   its peak ratio lies beyond the gap that massive_ratio_threshold() finds among all of them, or
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
  // Compared by our own function for the reason given in peak_ratio().
  std::sort(found.channels.begin(), found.channels.end(), [](std::size_t a, std::size_t b) { return a < b; });
  return found;
}

/// Finds massive tokens by massive_by_peaks(), in tokens that come block after block. Needs no scale of the activations, and
/// works for few channels, when most tokens are massive, and for the tokens of many layers.
///   massive_scan scan;   scan.add(on, first_block);   scan.add(on, second_block);   massive_tokens m = scan.result();
/// The rule looks at no ratio below 100, so that nearly all tokens need no median: a ratio of 100 takes half of the channels
/// to lie below a hundredth of the peak, and counting those is one pass in the first cache. The few others get their
/// exact ratio. The result is that of all ratios, to the bit.
/// Memory: 32 bytes a token with a ratio above 100.
class massive_scan {
 public:
  /// Adds tokens, which follow those added before.
  /// @param on where to run (host)   @param x (m x n), unrotated, finite (token_errors() checks it)
  /// @param visit called as visit(token, vector_view<Value const>) for the tokens with a ratio above 100, in order: a superset
  /// of the massive ones, for callers who keep copies of these
  /// Complexity: O(m n), two passes over rows in the cache; O(n) more for the tokens visited. Workspace m bytes and n values.
  /// Determinism: exact for any thread count.   Throws: std::bad_alloc, and what visit throws.
  template <execution_policy P, class T, class Visit>
  void add(P const& on, matrix_view<T> x, Visit&& visit) {
    using Value = std::remove_const_t<T>;
    check_policy<host_space>(on);
    static_assert(can_large_peak<P, Value>, "include <dfrot/reference.hpp> or <dfrot/cpu.hpp>");
    flags_.resize(x.rows);
    large_peak_rows(on, matrix_view<Value const>(x), vector_view<std::uint8_t>(flags_.data(), flags_.size()));
    std::vector<arithmetic_t<Value>> scratch(x.columns);
    for (std::size_t i = 0; i < x.rows; ++i) {
      if (flags_[i] == 0) {
        continue;
      }
      vector_view<Value const> const row(x.row(i), x.columns);
      auto const peak = peak_of(tokens_ + i, row, vector_view<arithmetic_t<Value>>(scratch.data(), scratch.size()));
      if (peak.ratio > largest_ordinary_ratio) {
        keep(peak);
        visit(tokens_ + i, row);
      }
    }
    tokens_ += x.rows;
  }
  /// The same without looking at the rows.
  template <execution_policy P, class T>
  void add(P const& on, matrix_view<T> x) {
    add(on, x, [](std::size_t, auto const&) {});
  }

  /// Tokens added so far.
  [[nodiscard]] DFROT_PER_ISA std::size_t tokens() const { return tokens_; }

  /// The peaks of those with a ratio above 100, in order. Complexity: O(their number).
  [[nodiscard]] DFROT_PER_ISA std::vector<token_peak> peaks() const {
    std::vector<token_peak> all(words_.size() / 4);
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::uint64_t const* const word = words_.data() + 4 * i;
      all[i] = {static_cast<std::size_t>(word[0]), static_cast<std::size_t>(word[1]), std::bit_cast<double>(word[2]),
                std::bit_cast<double>(word[3])};
    }
    return all;
  }

  /// Which of the tokens added so far are massive. Complexity: O(tokens).
  [[nodiscard]] DFROT_PER_ISA massive_tokens result() const { return massive_by_peaks(tokens_, peaks()); }

 private:
  DFROT_PER_ISA void keep(token_peak const& peak) {
    for (std::uint64_t const word :
         {std::uint64_t{peak.token}, std::uint64_t{peak.channel}, std::bit_cast<std::uint64_t>(peak.ratio),
          std::bit_cast<std::uint64_t>(peak.share)}) {
      words_.push_back(word);
    }
  }

  // Peaks as integers: what the standard library does to grow an array of structures takes vector instructions where there
  // are any, and has a name that does not say so (docs/architecture.md).
  std::vector<std::uint64_t> words_;
  std::vector<std::uint8_t> flags_;
  std::size_t tokens_ = 0;
};

/// Finds massive tokens in one block: massive_scan of x alone.
/// @param on where to run (host)   @param x (m x n), unrotated, finite
/// Complexity, determinism and errors: as massive_scan.   Example: examples/03_massive_tokens.cpp
template <execution_policy P, class T>
[[nodiscard]] massive_tokens massive_automatic(P const& on, matrix_view<T> x) {
  massive_scan scan;
  scan.add(on, x);
  return scan.result();
}

}  // namespace dfrot
