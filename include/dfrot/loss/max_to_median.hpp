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

/// Peak ratios up to this one are ordinary, whatever the others are.
inline constexpr double massive_ratio_floor = 100;

/// How far a token's largest channel stands above its typical one: max_j |x_j| / median_j |x_j| (upper median).
/// About 5 to 9 for Gaussian channels, tens for ordinary activations with outlier channels, a thousand for massive
/// ones. 1 for a token whose median is 0: sparse rows are no massive activations.
/// @param x n values   @param scratch at least n values, overwritten
/// Complexity: O(n) on average.
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
  // A comparison of our own carries our instruction set into the name of what the standard library does here.
  std::nth_element(first, middle, last, [](auto a, auto b) { return a < b; });
  double const median = static_cast<double>(*middle);
  return median > 0 ? peak / median : 1;
}

/// How a token's largest channels stand above the others. An aggregate without a constructor of the compiler's, whose symbol
/// could not say what it was compiled for.
struct token_peak {
  std::size_t token;    ///< its number
  std::size_t channel;  ///< of the largest |x_j|; the first where several are alike
  double ratio;         ///< max_to_median()
  double share;         ///< of the energy ||x||^2 that the four largest channels have; 0 for a row of zeros
};

/// The peak of one token.
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

/// Where the automatic rule draws its line between ordinary and massive max-to-median ratios, or infinity if there is none.
/// The ratios are sorted, an ordinary token at 100 is added, and the line stands in the (geometric) middle of the first
/// gap above 100 that is at least a factor 3 wide. At a ratio of 100 the typical channel is 7 % of a 4-bit step (max /
/// 7); channel outliers of ordinary tokens reach tens, massive tokens a thousand. The added token makes rows that are
/// all massive stand out, too; the first gap, not the widest, counts, so that several kinds of massive token are all
/// found.
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
