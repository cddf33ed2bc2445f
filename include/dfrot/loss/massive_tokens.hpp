#pragma once

#include <algorithm>
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
#include <dfrot/loss/peak_ratio.hpp>
#include <dfrot/loss/token_error.hpp>

namespace dfrot {

/// Which tokens carry massive activations, and by which rule they were found.
struct massive_tokens {
  std::vector<std::uint8_t> is_massive;  ///< one flag a token
  std::size_t count = 0;                 ///< tokens with the flag
  std::string rule;                      ///< "threshold", "compare" or "auto"
  double threshold = 0;                  ///< what the rule compared with: an error, an error ratio, or a peak ratio
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

/// Finds massive tokens without a threshold from the user, in tokens that come block after block: a token is massive if its
/// peak_ratio() lies beyond the gap that massive_ratio_threshold() finds among all of them. Needs no scale of the
/// activations, and works for few channels and when most tokens are massive, where both of the paper's rules find nothing.
///   massive_scan scan;   scan.add(on, first_block);   scan.add(on, second_block);   massive_tokens m = scan.result();
/// The rule looks at no ratio below 100, so that nearly all tokens need no median: a ratio of 100 takes half of the channels
/// to lie below a hundredth of the peak, and counting those is one pass in the first cache. The few others get their
/// exact ratio. The result is that of all ratios, to the bit.
/// Memory: 16 bytes a token with a ratio above 100.
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
      double const ratio = peak_ratio(row, vector_view<arithmetic_t<Value>>(scratch.data(), scratch.size()));
      if (ratio > largest_ordinary_ratio) {
        candidates_.push_back({tokens_ + i, ratio});
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

  /// Which of the tokens added so far are massive. Complexity: O(tokens).
  [[nodiscard]] DFROT_PER_ISA massive_tokens result() const {
    std::vector<double> ratios(candidates_.size());
    std::transform(candidates_.begin(), candidates_.end(), ratios.begin(), [](auto const& c) { return c.ratio; });
    massive_tokens found{std::vector<std::uint8_t>(tokens_), 0, "auto", massive_ratio_threshold(std::move(ratios))};
    for (candidate const& c : candidates_) {
      if (c.ratio >= found.threshold) {
        found.is_massive[c.token] = 1;
        ++found.count;
      }
    }
    return found;
  }

 private:
  struct candidate {
    std::size_t token;
    double ratio;
  };
  std::vector<candidate> candidates_;
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
