#pragma once

#include <array>
#include <cstddef>

#include <dfrot/loss/token_error.hpp>
#include <dfrot/loss/weighted_error.hpp>

namespace dfrot {

/// The errors of tokens, summed: what an error_summary needs, and what shards of the tokens can add.
struct error_sums {
  /// squared error, relative squared error, count: of the ordinary tokens, then of the massive ones.
  std::array<double, 6> values{};

  /// Adds one token.
  void add(bool massive, token_error const& error) {
    std::size_t const kind = massive ? 3 : 0;
    values[kind] += error.squared_error;
    values[kind + 1] += error.relative();
    values[kind + 2] += 1;
  }

  /// The means and the weighted loss, as summarize() finds them.
  [[nodiscard]] error_summary summary(double alpha) const {
    error_summary result;
    if (values[2] > 0) {
      result.ordinary = values[1] / values[2];
    }
    if (values[5] > 0) {
      result.massive = values[4] / values[5];
    }
    result.weighted_loss = values[0] + alpha * alpha * values[3];
    return result;
  }
};

}  // namespace dfrot
