#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/dyadic.hpp>

namespace dfrot {

/// How 2^-f is found for f in [0, 1).
enum class integer_exp_rule : std::uint8_t {
  linear,     ///< 1 - f / 2: a shift; at most 6.2 % too large, never too small
  quadratic,  ///< 1 - f (1.34 - 0.34 f) / 2: two products; within 0.28 %
};

/// One exponential in integers:   2^30 exp(x s),   x <= 0
///   exp(x s) = 2^-(q + f),   q + f = -x s log2(e), with log2(e) as 47274 / 2^15
/// @param x 0 down to -2^31   @param scale s, k at most 31   @param rule for 2^-f
/// Precision: relative error as the rule says, and 5e-6 |x s| for log2(e); less than 2^-29 beside. 2^30 for x = 0.
/// Complexity: O(1).   Determinism: exact.
/// Source: Hu et al. (I-LLM), arXiv 2405.17849, section 3 (DI-Exp, with 8 bits for log2(e) and 16 for the result).
[[nodiscard]] DFROT_PER_ISA constexpr std::uint64_t integer_exp(std::int32_t x, dyadic scale, integer_exp_rule rule) {
  auto const places = static_cast<unsigned>(scale.k) + 15U;
  std::uint64_t const z = static_cast<std::uint64_t>(-static_cast<std::int64_t>(x)) * scale.m * 47274U;
  std::uint64_t const q = z >> places;
  if (q > 30) {
    return 0;
  }
  // f with 30 places: of the places that there are, the first 30.
  std::uint64_t const rest = z & ((std::uint64_t{1} << places) - 1U);
  std::uint64_t const f = places >= 30 ? rest >> (places - 30U) : rest << (30U - places);
  constexpr std::uint64_t one = std::uint64_t{1} << 30U;
  std::uint64_t down = f;  // twice what 2^-f is less than 1
  if (rule == integer_exp_rule::quadratic) {
    constexpr std::uint64_t most = 1438814044;  // 1.34 2^30
    constexpr std::uint64_t curve = 365072220;  // 0.34 2^30
    down = (f * (most - (curve * f >> 30U))) >> 30U;
  }
  return (one - (down >> 1U)) >> q;
}

/// A softmax of integer scores, without a floating-point number:
///   p_j = round(255 e_j / sum e),   e_j = integer_exp(x_j - max x)
/// @param on where to run (host)   @param scores x (m x T), int32: those of an integer product, times the scale; the least int32 is
/// masked, and becomes 0
/// @param scale s, k at most 31   @param out (m x T) probabilities in units of 1 / 255
/// Precision: |p / 255 - softmax| <= 1/510 + b softmax + T 2^-29,   b = 0.062 (linear) or 0.0028 (quadratic) + 1e-5 R, where R
/// is the range of scores that count, -x s <= 21. Rows may sum to a little more or less than 255.
/// A row of masked scores only becomes zeros; a row of one score has 255.
/// Complexity: m T exponentials, no workspace.   Determinism: exact.
/// Throws: std::invalid_argument on shape, for a k above 31, and rows of 2^32 scores.
/// Source: Hu et al. (I-LLM), arXiv 2405.17849, section 3 (DI-ClippedSoftmax). Its clipping at -15 is for scores of 8 bits; here,
/// scores that are too low for 30 bits become 0.
template <execution_policy P, class Score>
requires std::is_same_v<Score const, std::int32_t const>
void integer_softmax(P const& on, matrix_view<Score> scores, dyadic scale, matrix_view<std::uint8_t> out,
                     integer_exp_rule rule = integer_exp_rule::quadratic) {
  check_policy<host_space>(on);
  check_stride("scores", scores);
  check_shape("probabilities", out, scores.rows, scores.columns);
  expects(scale.k <= 31, "integer_softmax: a scale of ", static_cast<int>(scale.m), " / 2^", static_cast<int>(scale.k),
          "; the power must be at most 31");
  expects(scores.columns <= std::numeric_limits<std::uint32_t>::max(), "integer_softmax: rows of ", scores.columns,
          " scores");
  constexpr std::int32_t masked = std::numeric_limits<std::int32_t>::min();
  parallel_for(threads_of(on), scores.rows, [&](std::size_t i) {
    auto const* const row = scores.row(i);
    std::int32_t largest = masked;
    for (std::size_t j = 0; j < scores.columns; ++j) {
      largest = std::max(largest, row[j]);
    }
    auto const power = [&](std::int32_t x) {
      std::int64_t const below = static_cast<std::int64_t>(x) - largest;
      auto const clipped = static_cast<std::int32_t>(std::max<std::int64_t>(below, masked));
      return x == masked ? 0 : integer_exp(clipped, scale, rule);
    };
    std::uint64_t sum = 0;
    for (std::size_t j = 0; j < scores.columns; ++j) {
      sum += power(row[j]);
    }
    for (std::size_t j = 0; j < scores.columns; ++j) {
      out(i, j) = sum == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>((510 * power(row[j]) + sum) / (2 * sum));
    }
  });
}

}  // namespace dfrot
