#pragma once

#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

namespace detail {

/// Throws unless there is a finite shift for each channel.
DFROT_PER_ISA inline void check_shift(vector_view<double const> shift, std::size_t channels) {
  expects(shift.size == channels, "a shift of ", shift.size, " channels for rows of ", channels,
          ": the two must be equal");
  for (std::size_t j = 0; j < shift.size; ++j) {
    expects(is_finite(shift[j]), "the shift of channel ", j, " is ", shift[j], ": shifts must be finite");
  }
}

}  // namespace detail

/// Subtracts a number from each channel of activations, in place, so that its range can be made symmetric.
///   x <- x - z,   z_j such as channel_stats::middle()
/// Comes first, before scales and rotations; a rotation turns z with x. Where a norm with a bias precedes, subtract z from that instead.
/// @param on where to run (host)   @param shift z (n)   @param x (m x n)
/// Precision: differences in double, rounded once.   Complexity: O(m n).   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, or for a shift that is not finite, before anything is written.
/// Source: OutlierTune, arXiv 2406.18832 (symmetrization).
template <execution_policy P, storage T>
void subtract_shift(P const& on, vector_view<double const> shift, matrix_view<T> x) {
  check_policy<host_space>(on);
  detail::check_shift(shift, x.columns);
  check_stride("activations", x);
  parallel_for(threads_of(on), x.rows, [&](std::size_t i) {
    for (std::size_t j = 0; j < x.columns; ++j) {
      x(i, j) = store<T>(static_cast<arithmetic_t<T>>(static_cast<double>(load(x(i, j))) - shift[j]));
    }
  });
}

/// Makes up for subtract_shift() in the bias of a layer that reads shifted activations, before its weight is transformed or quantized.
///   b <- b + W z,   so that   (x - z) W^T + b_after = x W^T + b
/// @param w W (o x n)   @param bias b (o)   Contract as subtract_shift(); sums in double, rounded once.
template <execution_policy P, storage T, storage Bias>
void add_shift_to_bias(P const& on, vector_view<double const> shift, matrix_view<T> w, vector_view<Bias> bias) {
  check_policy<host_space>(on);
  detail::check_shift(shift, w.columns);
  check_stride("the weight", w);
  expects(bias.size == w.rows, "a bias of ", bias.size, " values for a weight of ", w.rows,
          " outputs: the two must be equal");
  parallel_for(threads_of(on), w.rows, [&](std::size_t o) {
    double sum = static_cast<double>(load(bias[o]));
    for (std::size_t j = 0; j < w.columns; ++j) {
      sum += static_cast<double>(load(w(o, j))) * shift[j];
    }
    bias[o] = store<Bias>(static_cast<arithmetic_t<Bias>>(sum));
  });
}

}  // namespace dfrot
