#pragma once

#include <array>
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

/// Sums over tokens of one class: the ordinary ones, or the massive ones.
struct token_class_sums {
  double squared_error = 0;   ///< sum of ||x - Q(x)||^2
  double relative_error = 0;  ///< sum of ||x - Q(x)||^2 / ||x||^2
  double count = 0;           ///< tokens

  /// Adds one token.
  DFROT_PER_ISA void add(token_error const& error) {
    squared_error += error.squared_error;
    relative_error += error.relative();
    count += 1;
  }

  /// Adds the sums of other tokens.
  DFROT_PER_ISA void combine(token_class_sums const& other) {
    squared_error += other.squared_error;
    relative_error += other.relative_error;
    count += other.count;
  }

  /// The mean relative squared error; NaN without tokens.
  [[nodiscard]] DFROT_PER_ISA double mean() const {
    return count > 0 ? relative_error / count : std::numeric_limits<double>::quiet_NaN();
  }
};

/// The errors of tokens, summed: what an error_summary needs, and what shards of the tokens can add.
struct error_sums {
  token_class_sums ordinary;
  token_class_sums massive;

  /// Adds one token.
  DFROT_PER_ISA void add(bool is_massive, token_error const& error) { (is_massive ? massive : ordinary).add(error); }

  /// Adds the sums of other tokens.
  DFROT_PER_ISA void combine(error_sums const& other) {
    ordinary.combine(other.ordinary);
    massive.combine(other.massive);
  }

  /// The means and the weighted loss.   @param alpha weight of a massive token
  [[nodiscard]] DFROT_PER_ISA error_summary summary(double alpha) const {
    return {ordinary.mean(), massive.mean(), ordinary.squared_error + alpha * alpha * massive.squared_error};
  }

  /// The six sums in the order of their declaration, for callers who add them as an array.
  [[nodiscard]] DFROT_PER_ISA std::array<double, 6> to_array() const {
    return {ordinary.squared_error, ordinary.relative_error, ordinary.count,
            massive.squared_error,  massive.relative_error,  massive.count};
  }
  /// The sums of to_array().
  [[nodiscard]] DFROT_PER_ISA static error_sums from_array(std::array<double, 6> const& sums) {
    return {{sums[0], sums[1], sums[2]}, {sums[3], sums[4], sums[5]}};
  }
};

/// Sums up token errors; a mean over no tokens is NaN.
///   ordinary, massive = mean of ||x - Q(x)||^2 / ||x||^2 over the tokens of that class
///   weighted_loss = sum_i w_i^2 ||x_i - Q(x_i)||^2,   w_i = alpha for massive tokens, 1 for ordinary ones
/// @param errors (m)   @param massive which tokens are massive (m)
/// @param alpha weight of a massive token, finite, >= 0; the paper has 100, and found 50 to 200 good
/// Complexity: O(m), sums in double.   Determinism: exact, tokens in order.
/// Throws: std::invalid_argument if the lengths differ or alpha is negative or not finite.
/// Source: Xiang, Zhang, arXiv 2412.00648, section 3 (weighted loss).
[[nodiscard]] DFROT_PER_ISA inline error_summary summarize(vector_view<token_error const> errors,
                                                           massive_tokens const& massive, double alpha) {
  expects(errors.size == massive.is_massive.size(), "weighted error: ", errors.size, " token errors, but ",
          massive.is_massive.size(), " massive flags");
  expects(is_finite(alpha) && alpha >= 0, "weighted error: alpha is ", alpha, "; it must be finite and at least 0");
  error_sums sums;
  for (std::size_t i = 0; i < errors.size; ++i) {
    sums.add(massive.is_massive[i] != 0, errors[i]);
  }
  return sums.summary(alpha);
}

}  // namespace dfrot
