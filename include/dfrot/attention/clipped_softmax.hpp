#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// How far a softmax is stretched before it is clipped. The default does not stretch: a plain softmax.
struct softmax_stretch {
  double gamma = 0;  ///< what 0 becomes, at most 0
  double zeta = 1;   ///< what 1 becomes, at least 1
};

/// The stretch for rows of up to `length` scores:   gamma = -alpha / length
/// Probabilities up to alpha / (length + alpha) become exact zeros. @param alpha at least 0: 2 to 4 for encoders, 12 for OPT-125m
/// Throws: std::invalid_argument for a negative alpha, or a length of 0.
[[nodiscard]] DFROT_PER_ISA inline softmax_stretch stretch_for_length(double alpha, std::size_t length) {
  expects(alpha >= 0 && length > 0, "a stretch of alpha ", alpha, " for rows of ", length,
          " scores: alpha must be at least 0, and rows not empty");
  return {-alpha / static_cast<double>(length), 1};
}

/// Turns rows of attention scores into probabilities that may be exactly 0 or 1, in place: so that a head that has nothing to say need
/// not push its scores, and with them a few channels, to extremes.
///   p = clip((zeta - gamma) softmax(a) + gamma, 0, 1)
/// Rows no longer sum to 1. Scores of -infinity are masked, and become 0; a row of nothing else becomes zeros.
/// @param on where to run (host)   @param scores a (m x T) float, half, bfloat16 or double
/// Precision: exponentials and sums in double, rounded once.   Complexity: m T exponentials, no workspace.
/// Determinism: bitwise for any number of threads, as the C library's exp().
/// Throws: std::invalid_argument on shape, the stretch, and for a score that is NaN or +infinity (naming its row), before anything is
/// written.
/// Source: Bondarenko, Nagel, Blankevoort (Quantizable Transformers), arXiv 2306.12929, section 4.
template <execution_policy P, storage T>
void clipped_softmax(P const& on, matrix_view<T> scores, softmax_stretch const& stretch = {}) {
  check_policy<host_space>(on);
  check_stride("scores", scores);
  expects(stretch.gamma <= 0 && stretch.zeta >= 1 && is_finite(stretch.gamma) && is_finite(stretch.zeta),
          "clipped_softmax: gamma is ", stretch.gamma, ", zeta ", stretch.zeta,
          "; they must be finite, at most 0 and at least 1");
  auto const masked = [](T const& x) { return !is_finite(x) && load(x) < 0; };
  for (std::size_t i = 0; i < scores.rows; ++i) {
    for (std::size_t j = 0; j < scores.columns; ++j) {
      expects(is_finite(scores(i, j)) || masked(scores(i, j)), "row ", i, ", column ", j, " holds ", load(scores(i, j)),
              ": scores must be finite, or -inf where they are masked");
    }
  }
  parallel_for(threads_of(on), scores.rows, [&](std::size_t i) {
    T* const row = scores.row(i);
    double largest = -std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < scores.columns; ++j) {
      largest = masked(row[j]) ? largest : std::max(largest, static_cast<double>(load(row[j])));
    }
    auto const power = [&](T const& x) { return masked(x) ? 0 : std::exp(static_cast<double>(load(x)) - largest); };
    double sum = 0;
    for (std::size_t j = 0; j < scores.columns; ++j) {
      sum += power(row[j]);
    }
    for (std::size_t j = 0; j < scores.columns; ++j) {
      double const stretched = (stretch.zeta - stretch.gamma) * (power(row[j]) / sum) + stretch.gamma;
      double const p = masked(row[j]) ? 0 : std::clamp(stretched, 0.0, 1.0);
      row[j] = store<T>(static_cast<arithmetic_t<T>>(p));
    }
  });
}

}  // namespace dfrot
