#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// A token with a max-to-median ratio up to this one is ordinary, whatever the ratios of the others are.
inline constexpr double massive_ratio_floor = 100;

/// Measures how far a token's largest channel rises above its typical one: max_j |x_j| / median_j |x_j| (upper median).
/// About 5 to 9 for Gaussian channels, tens for ordinary activations with outlier channels, a thousand for massive
/// ones. 1 for an empty token and for one whose median is 0: sparse rows are no massive activations. @pre finite values
/// @param x n values   @param scratch at least n values, overwritten
/// Complexity: O(n) on average.   Determinism: exact.
/// Source: Sun, Chen, Kolter, Liu, "Massive activations in large language models", arXiv 2402.17762, section 2 (magnitude
/// relative to the median).
template <storage T>
[[nodiscard]] DFROT_PER_ISA double max_to_median(vector_view<T const> x, vector_view<arithmetic_t<T>> scratch) {
  if (x.size == 0) {
    return 1;
  }
  auto* const first = scratch.begin();
  auto* const last = std::transform(x.begin(), x.end(), first, [](T value) { return std::abs(load(value)); });
  double const peak = static_cast<double>(*std::max_element(first, last));
  auto* const middle = first + x.size / 2;
  // A comparison of our own puts our instruction set into the name of the standard library's function.
  std::nth_element(first, middle, last, [](auto a, auto b) { return a < b; });
  double const median = static_cast<double>(*middle);
  return median > 0 ? peak / median : 1;
}

/// A token's largest channels beside the others. An aggregate: the symbol of a generated constructor could not name the
/// instruction set that it was compiled for.
struct token_peak {
  std::size_t token;    ///< its number
  std::size_t channel;  ///< of the largest |x_j|; the first of several
  double ratio;         ///< max_to_median()
  double share;         ///< of the energy ||x||^2 in the four largest channels; 0 for a row of zeros
};

/// Finds the peak of one token.
/// @param token its number   @param x n values   @param scratch at least n values, overwritten
/// Complexity: O(n) on average.   Determinism: exact; sums in double, channels in order.
template <storage T>
[[nodiscard]] DFROT_PER_ISA token_peak peak_of(std::size_t token, vector_view<T const> x,
                                               vector_view<arithmetic_t<T>> scratch) {
  token_peak found{token, 0, max_to_median(x, scratch), 0};
  double largest[4] = {};  // in descending order
  double energy = 0;
  double unit = 0;  // squares are of multiples of the peak: those of huge and of tiny values stay numbers
  for (std::size_t j = 0; j < x.size; ++j) {
    unit = std::max(unit, std::fabs(static_cast<double>(load(x[j]))));
  }
  for (std::size_t j = 0; unit > 0 && j < x.size; ++j) {
    double part = std::fabs(static_cast<double>(load(x[j]))) / unit;
    energy += part * part;
    if (part > largest[0]) {
      found.channel = j;
    }
    for (double& each : largest) {
      if (part > each) {
        std::swap(part, each);
      }
    }
  }
  for (double const each : largest) {
    found.share += unit > 0 ? each * each / energy : 0;
  }
  return found;
}

/// Finds the threshold of the automatic rule between ordinary and massive max-to-median ratios, or infinity if there is none.
/// Sorts the ratios, adds an ordinary token at 100, and takes the (geometric) middle of the first gap above 100 that is at
/// least a factor of 3 wide. At a ratio of 100 the typical channel is 7 % of a 4-bit step (max / 7). Outlier channels of
/// ordinary tokens reach tens, massive tokens a thousand. The added token lets rows that are all massive stand out. The first
/// gap counts, not the widest, so that several kinds of massive token are all found.
/// @param ratios one a token, in any order   Complexity: O(m log m).   Determinism: exact.
[[nodiscard]] DFROT_PER_ISA inline double massive_ratio_threshold(std::vector<double> ratios) {
  constexpr double least_gap = 3;
  // Compared by our own function for the reason given in max_to_median().
  std::sort(ratios.begin(), ratios.end(), [](double a, double b) { return a < b; });
  double below = massive_ratio_floor;
  for (double const ratio : ratios) {
    if (ratio >= least_gap * below) {
      return std::sqrt(below * ratio);
    }
    below = std::max(below, ratio);
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace dfrot
