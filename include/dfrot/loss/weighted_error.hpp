#pragma once

#include <cstddef>
#include <limits>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/loss/token_error.hpp>

namespace dfrot {

/// The errors of many tokens in three numbers.
struct error_summary {
  double ordinary = std::numeric_limits<double>::quiet_NaN();  ///< mean relative squared error of the ordinary tokens
  double massive = std::numeric_limits<double>::quiet_NaN();   ///< the same of the massive tokens
  double weighted_loss = 0;                                    ///< sum of w^2 ||x - Q(x)||^2
};

/// Sums up token errors; a mean over no tokens is NaN.
///   ordinary, massive = mean of ||x - Q(x)||^2 / ||x||^2 over the tokens of that kind
///   weighted_loss = sum_i w_i^2 ||x_i - Q(x_i)||^2,   w_i = alpha for massive tokens, 1 for ordinary ones
/// @param errors (m)   @param massive which tokens are massive (m)   @param alpha weight of a massive token, finite, >=
/// 0; the paper has 100, and found 50 to 200 good
/// Complexity: O(m), sums in double.   Determinism: exact, tokens in order.
/// Throws: std::invalid_argument if the lengths differ or alpha is negative or not finite.
/// Source: Xiang, Zhang, arXiv 2412.00648, section 3 (weighted loss).
[[nodiscard]] DFROT_PER_ISA inline error_summary summarize(vector_view<token_error const> errors,
                                                           massive_tokens const& massive, double alpha) {
  expects(errors.size == massive.is_massive.size(), "weighted error: ", errors.size, " token errors, but ",
          massive.is_massive.size(), " massive flags");
  expects(is_finite(alpha) && alpha >= 0, "weighted error: alpha is ", alpha, "; it must be finite and at least 0");
  double relative[2] = {0, 0};
  double squared[2] = {0, 0};
  std::size_t count[2] = {0, 0};
  for (std::size_t i = 0; i < errors.size; ++i) {
    std::size_t const kind = massive.is_massive[i] != 0 ? 1 : 0;
    relative[kind] += errors[i].relative();
    squared[kind] += errors[i].squared_error;
    ++count[kind];
  }
  error_summary result;
  if (count[0] > 0) {
    result.ordinary = relative[0] / static_cast<double>(count[0]);
  }
  if (count[1] > 0) {
    result.massive = relative[1] / static_cast<double>(count[1]);
  }
  result.weighted_loss = squared[0] + alpha * alpha * squared[1];
  return result;
}

}  // namespace dfrot
