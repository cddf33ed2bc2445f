#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/loss/max_to_median.hpp>

namespace dfrot {

/// True if policy P can tell rows of T whose max-to-median ratio may lie above massive_ratio_floor.
template <class P, class T, class Space = typename P::memory_space>
concept can_find_massive_candidates = requires(P const& on, matrix_view<T const, Space> x,
                                               vector_view<std::uint8_t, Space> flags) {
  massive_candidate_rows(on, x, flags);
};

/// Finds massive tokens by massive_by_peaks(), in tokens that come block after block. Needs no scale of the activations, and
/// works for few channels, when most tokens are massive, and for the tokens of many layers.
///   massive_detector scan;   scan.add(on, first_block);   scan.add(on, second_block);   massive_tokens m = scan.result();
/// The rule looks at no ratio below 100, so that nearly all tokens need no median: a ratio of 100 takes half of the channels
/// to lie below a hundredth of the peak, and counting those is one pass in the first cache. The few others get their
/// exact ratio. The result is that of all ratios, to the bit.
/// Memory: 32 bytes a token with a ratio above 100.
class massive_detector {
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
    static_assert(can_find_massive_candidates<P, Value>, "include <dfrot/reference.hpp> or <dfrot/cpu.hpp>");
    flags_.resize(x.rows);
    massive_candidate_rows(on, matrix_view<Value const>(x), vector_view<std::uint8_t>(flags_.data(), flags_.size()));
    std::vector<arithmetic_t<Value>> scratch(x.columns);
    for (std::size_t i = 0; i < x.rows; ++i) {
      if (flags_[i] == 0) {
        continue;
      }
      vector_view<Value const> const row(x.row(i), x.columns);
      auto const peak = peak_of(tokens_ + i, row, vector_view<arithmetic_t<Value>>(scratch.data(), scratch.size()));
      if (peak.ratio > massive_ratio_floor) {
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

/// Finds massive tokens in one block: massive_detector of x alone.
/// @param on where to run (host)   @param x (m x n), unrotated, finite
/// Complexity, determinism and errors: as massive_detector.   Example: examples/03_massive_tokens.cpp
template <execution_policy P, class T>
[[nodiscard]] massive_tokens massive_automatic(P const& on, matrix_view<T> x) {
  massive_detector scan;
  scan.add(on, x);
  return scan.result();
}

}  // namespace dfrot
