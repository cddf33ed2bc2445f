#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/channel_shift.hpp>
#include <dfrot/transform/norm_fusion.hpp>

namespace dfrot {

namespace detail {

template <storage Gain, storage Shift>
DFROT_PER_ISA void check_norm(vector_view<Gain> gain, vector_view<Shift> shift) {
  expects(gain.size == shift.size, "a norm of ", gain.size, " gains and ", shift.size, " shifts");
  for (std::size_t j = 0; j < gain.size; ++j) {
    expects(is_finite(gain[j]) && is_finite(shift[j]), "channel ", j, " of the norm has the gain ", load(gain[j]),
            " and the shift ", load(shift[j]), ": both must be finite");
  }
}

}  // namespace detail

/// Moves the gain of a LayerNorm into a weight that reads it, and leaves the norm's shift where it is: the outliers of activations are
/// mostly the gain's.
///   norm(x) diag(g) + h = (norm(x) + h / g) diag(g),   so   W <- W diag(g)
/// A channel of gain 0 is the constant h_j: it moves into the bias, b <- b + w_j h_j. Call it for every weight that reads the norm, then
/// migrate_shift() once, and set the gain to ones. What else reads the norm (the residual of a post-norm model) multiplies by g itself.
/// @param on where to run (host)   @param gain g, @param shift h (n) of the norm, as they were   @param w W (o x n)   @param bias b (o)
/// Precision, complexity, errors: as fuse_norm_gain().   Source: Wei et al. (Outlier Suppression), arXiv 2209.13325, section 4.1.
template <execution_policy P, storage Gain, storage Shift, storage T, storage Bias>
void migrate_gain(P const& on, vector_view<Gain> gain, vector_view<Shift> shift, matrix_view<T> w,
                  vector_view<Bias> bias) {
  detail::check_norm(gain, shift);
  detail::check_gains(vector_view<std::remove_const_t<Gain> const>(gain.data, gain.size), matrix_view<T const>(w));
  std::vector<double> constant(gain.size);
  for (std::size_t j = 0; j < gain.size; ++j) {
    constant[j] = load(gain[j]) == 0 ? static_cast<double>(load(shift[j])) : 0;
  }
  add_shift_to_bias(on, vector_view<double const>(constant.data(), constant.size()), w, bias);
  fuse_norm_gain(on, gain, w);
}

/// The shift of a norm whose gain has moved: h <- h / g, and 0 for a gain of 0.
/// Throws: std::invalid_argument on lengths, or for numbers that are not finite, a quotient included; before anything is written.
template <storage Gain, storage Shift>
DFROT_PER_ISA void migrate_shift(vector_view<Gain> gain, vector_view<Shift> shift) {
  detail::check_norm(gain, shift);
  auto const quotient = [&](std::size_t j) {
    double const g = static_cast<double>(load(gain[j]));
    double const h = static_cast<double>(load(shift[j]));
    return store<Shift>(static_cast<arithmetic_t<Shift>>(g == 0 ? 0 : h / g));
  };
  for (std::size_t j = 0; j < gain.size; ++j) {
    expects(is_finite(quotient(j)), "channel ", j, " of the norm has the shift ", load(shift[j]), " over the gain ",
            load(gain[j]), ", which is not finite");
  }
  for (std::size_t j = 0; j < gain.size; ++j) {
    shift[j] = quotient(j);
  }
}

}  // namespace dfrot
