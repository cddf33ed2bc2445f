#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/givens.hpp>

namespace dfrot {

/// What a search for turns found.
struct found_turns {
  givens turns;
  double first_peak = 0;  ///< max |x| before
  double peak = 0;        ///< max |x| after
};

namespace detail {

/// The turn after which the values p and q are of one size, by the smaller angle.
[[nodiscard]] inline plane_turn equalizing_turn(std::uint32_t i, std::uint32_t j, double p, double q) {
  double const size = std::hypot(p, q);
  double const half = std::sqrt(0.5);
  // p + q and p - q over sqrt(2) |(p, q)|: the turn onto the diagonal in the quadrant of (p, q).
  double const a = half * std::abs(p) / size;
  double const b = half * std::abs(q) / size;
  double const sign = (p < 0) == (q < 0) ? 1 : -1;
  return {i, j, a + b, sign * (b - a)};
}

/// The channel with the largest (or smallest) maximum, the first of equals.
[[nodiscard]] inline std::uint32_t extreme_channel(std::vector<double> const& maxima, double direction) {
  return static_cast<std::uint32_t>(
      std::max_element(maxima.begin(), maxima.end(),
                       [direction](double a, double b) { return direction * a < direction * b; }) -
      maxima.begin());
}

}  // namespace detail

/// Finds turns of two channels that lower the largest magnitude of some tokens: the channel of the largest value and the channel
/// with the smallest maximum, by the angle that makes the two of one size in the token of the largest value.
///   |x_i|, |x_j| <- sqrt((x_i^2 + x_j^2) / 2)   in that token
/// Keeps the turns up to the smallest largest magnitude, the fewest of equals.
/// @param on where to run (host)   @param x calibration tokens (m x n), not changed   @param steps turns to try
/// @post the peak is never above the first one   @return no turns for no tokens, zeros alone, or one channel
/// Complexity: m n, then m + n a step; workspace of m n doubles.   Determinism: exact, for any number of threads.
/// Throws: std::invalid_argument for a value that is not finite (naming its row); std::bad_alloc.
/// Source: SingleQuant, 2025 (its alignment rotation, from the abstract: closed-form Givens rotations for outliers); the choice of
/// channels and the angle are derived here.
template <execution_policy P, storage T>
[[nodiscard]] found_turns greedy_turns(P const& on, matrix_view<T> x, std::size_t steps) {
  check_policy<host_space>(on);
  check_stride("calibration tokens", x);
  matrix_view<std::remove_const_t<T> const> const read = x;
  reject_non_finite(read, first_non_finite_row(read));
  matrix<double> channels(x.columns, x.rows);  // a row a channel
  std::vector<double> maxima(x.columns);
  auto const measure = [&](std::size_t j) {
    maxima[j] = 0;
    for (std::size_t i = 0; i < x.rows; ++i) {
      maxima[j] = std::max(maxima[j], std::abs(channels(j, i)));
    }
  };
  for (std::size_t j = 0; j < x.columns; ++j) {
    for (std::size_t i = 0; i < x.rows; ++i) {
      channels(j, i) = static_cast<double>(load(x(i, j)));
    }
    measure(j);
  }
  double const first = x.columns == 0 ? 0 : maxima[detail::extreme_channel(maxima, 1)];
  double peak = first;
  std::size_t kept = 0;
  std::vector<plane_turn> turns;
  while (turns.size() < steps && x.columns > 1 && peak > 0) {
    std::uint32_t const i = detail::extreme_channel(maxima, 1);
    std::uint32_t const j = detail::extreme_channel(maxima, -1);
    if (maxima[i] == maxima[j]) {
      break;  // all channels are alike
    }
    std::size_t token = 0;
    while (std::abs(channels(i, token)) < maxima[i]) {
      ++token;
    }
    turns.push_back(detail::equalizing_turn(i, j, channels(i, token), channels(j, token)));
    for (std::size_t k = 0; k < x.rows; ++k) {
      double const p = channels(i, k);
      double const q = channels(j, k);
      channels(i, k) = turns.back().cosine * p + turns.back().sine * q;
      channels(j, k) = turns.back().cosine * q - turns.back().sine * p;
    }
    measure(i);
    measure(j);
    double const now = maxima[detail::extreme_channel(maxima, 1)];
    if (now < peak) {
      peak = now;
      kept = turns.size();
    }
  }
  turns.resize(kept);
  return {givens(x.columns, std::move(turns)), first, peak};
}

}  // namespace dfrot
