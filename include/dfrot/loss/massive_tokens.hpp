#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
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

/// How far a token's largest channel stands above its typical one: max_j |x_j| / median_j |x_j| (upper median).
/// About 5 to 9 for Gaussian channels, tens for ordinary activations with outlier channels, a thousand for massive
/// ones. 1 for a token whose median is 0: sparse rows are no massive activations.
/// @param x n values   @param scratch at least n values, overwritten
/// Complexity: O(n) on average.
/// Source: Sun, Chen, Kolter, Liu, "Massive activations in large language models", arXiv 2402.17762, section 2 (magnitude
/// relative to the median).
template <storage T>
[[nodiscard]] DFROT_PER_ISA double peak_ratio(vector_view<T const> x, vector_view<arithmetic_t<T>> scratch) {
  if (x.size == 0) {
    return 1;
  }
  auto* const first = scratch.begin();
  auto* const last = std::transform(x.begin(), x.end(), first, [](T value) { return std::abs(load(value)); });
  double const peak = static_cast<double>(*std::max_element(first, last));
  auto* const middle = first + x.size / 2;
  // A comparison of our own carries our instruction set into the name of what the standard library does here.
  std::nth_element(first, middle, last, [](auto a, auto b) { return a < b; });
  double const median = static_cast<double>(*middle);
  return median > 0 ? peak / median : 1;
}

/// Where the automatic rule draws its line between ordinary and massive peak ratios, or infinity if there is none.
/// The ratios are sorted, an ordinary token at 100 is added, and the line stands in the (geometric) middle of the first
/// gap above 100 that is at least a factor 3 wide. At a ratio of 100 the typical channel is 7 % of a 4-bit step (max /
/// 7); channel outliers of ordinary tokens reach tens, massive tokens a thousand. The added token makes rows that are
/// all massive stand out, too; the first gap, not the widest, counts, so that several kinds of massive token are all
/// found.
/// @param ratios one a token, in any order   Complexity: O(m log m).   Determinism: exact.
[[nodiscard]] DFROT_PER_ISA inline double massive_ratio_threshold(std::vector<double> ratios) {
  constexpr double least_gap = 3;
  // Compared by our own function for the reason given in peak_ratio().
  std::sort(ratios.begin(), ratios.end(), [](double a, double b) { return a < b; });
  double below = 100;
  for (double const ratio : ratios) {
    if (ratio >= least_gap * below) {
      return std::sqrt(below * ratio);
    }
    below = std::max(below, ratio);
  }
  return std::numeric_limits<double>::infinity();
}

/// Finds massive tokens without a threshold from the user: a token is massive if its peak_ratio() lies beyond the gap
/// that massive_ratio_threshold() finds. Needs no scale of the activations, and works for few channels and when most
/// tokens are massive, where both of the paper's rules find nothing.
/// @param on where to run (host; its threads are used)   @param x (m x n), unrotated
/// Complexity: O(m n + m log m); workspace n values a thread.   Determinism: exact for any thread count.
/// @pre x finite (token_errors() checks it)   Throws: std::bad_alloc.   Example: examples/03_massive_tokens.cpp
template <execution_policy P, class T>
[[nodiscard]] massive_tokens massive_automatic(P const& on, matrix_view<T> x) {
  using Value = std::remove_const_t<T>;
  std::vector<double> ratios(x.rows);
  auto const parts = static_cast<std::size_t>(std::max(1, threads_of(on)));
  matrix<arithmetic_t<Value>> scratch(parts, x.columns);
  parallel_for(threads_of(on), parts, [&](std::size_t part) {
    for (std::size_t i = part; i < x.rows; i += parts) {
      ratios[i] = peak_ratio(vector_view<Value const>(x.row(i), x.columns), {scratch.view().row(part), x.columns});
    }
  });
  double const threshold = massive_ratio_threshold(ratios);
  return detail::mark_massive(x.rows, "auto", threshold, [&](std::size_t i) { return ratios[i] >= threshold; });
}

}  // namespace dfrot
