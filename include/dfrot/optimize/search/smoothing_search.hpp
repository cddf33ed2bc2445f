#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/optimize/gptq/transform_gram.hpp>
#include <dfrot/optimize/search/choice.hpp>
#include <dfrot/optimize/search/low_rank_alternation.hpp>
#include <dfrot/optimize/search/output_error.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/tensor_scale.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/channel_scale.hpp>

namespace dfrot {

/// The smoothing that a search found.
struct smoothing_choice {
  double alpha = 0;  ///< s_j = X_j^alpha / W_j^beta
  double beta = 0;
  double error = 0;
  std::vector<double> errors;  ///< of all candidates, in order

  /// The scale itself, for the magnitudes that the search was given: x <- x diag(1 / s).
  [[nodiscard]] channel_scale scale(vector_view<double const> activations, vector_view<double const> weights) const {
    return smoothing(activations, weights, alpha, beta);
  }
};

/// Searches two exponents of smoothing for the least error:
///   (alpha, beta) of (0, 0), (i / N, 0) and (i / N, 1 - i / N),   i = 1 … N - 1
/// Of equal errors, the first counts: no smoothing, which is the first candidate, is never worse than the choice. An error of NaN is
/// no choice, unless all are.
/// @param activations, weights as for smoothing()   @param error error(scale) of a channel_scale: a number, such as
/// smoothed_output_error()   @param steps N, at least 2
/// Complexity: 2 N - 1 errors.   Determinism: as error's.
/// Throws: std::invalid_argument as smoothing(), and for N.
/// Source: Li et al. (SVDQuant), arXiv 2411.05007, section 4; the two kinds of candidates: its authors' quantizer.
template <class Error>
requires std::invocable<Error&, channel_scale const&>
[[nodiscard]] smoothing_choice smoothing_search(vector_view<double const> activations,
                                                vector_view<double const> weights, Error&& error, int steps = 20) {
  expects(steps >= 2, "smoothing_search: ", steps, " steps; there must be at least 2");
  std::vector<std::pair<double, double>> candidates{{0, 0}};
  for (bool const with_weights : {false, true}) {
    for (int i = 1; i < steps; ++i) {
      double const alpha = static_cast<double>(i) / steps;
      candidates.emplace_back(alpha, with_weights ? 1 - alpha : 0);
    }
  }
  std::vector<double> errors;
  errors.reserve(candidates.size());
  for (auto const& [alpha, beta] : candidates) {
    errors.push_back(static_cast<double>(error(smoothing(activations, weights, alpha, beta))));
  }
  auto best = first_least(std::move(errors));
  auto const& [alpha, beta] = candidates[best.index];
  return {alpha, beta, best.error, std::move(best.errors)};
}

/// The squared error of a layer's output with smoothing, and the weight alone quantized:
///   tr(E (S^-1 H S^-1) E^T),   E = W S - Q(W S),   S = diag(s)
/// @param on where to run (host)   @param scheme of the weight; a multiplier for the tensor is made here   @param w (o x n) float
/// @param h (n x n) symmetric, of x itself, as gram_sums gives   @param scale diag(1 / s)
/// Complexity: 2 o n^2 operations; workspace of n^2 and 2 o n values.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, and weights that are not finite; std::bad_alloc.
template <execution_policy P, class Scheme, dense_scalar H>
[[nodiscard]] double smoothed_weight_error(P const& on, Scheme const& scheme, matrix_view<float const> w,
                                           matrix_view<H> h, channel_scale const& scale) {
  using Value = std::remove_const_t<H>;
  check_shape("H", h, w.columns, w.columns);
  auto weight = detail::copy_as<float>(w);
  apply_to_weight(on, scale, weight.view());
  matrix<float> now(w.rows, w.columns);
  matrix_view<float const> const read = weight.view();
  fake_quantize(on, for_tensor(scheme, read), read, now.view());
  matrix<Value> errors(w.rows, w.columns);
  std::transform(weight.data(), weight.data() + w.rows * w.columns, now.data(), errors.data(),
                 [](float a, float b) { return static_cast<Value>(a) - static_cast<Value>(b); });
  auto gram = detail::copy_as<Value>(h);
  transform_gram(on, scale, gram.view());
  return weight_output_error(on, errors.view(), gram.view());
}

/// The squared error of a layer's output on a sample, with smoothing, a low-rank branch, and both sides quantized:
///   ||X^ R^T - Q(X^) Q(R)^T||^2,   X^ = X diag(1 / s),   R = W diag(s) - B A
/// The branch itself is exact, so that it is no part of the error.
/// @param on where to run (host)   @param of_tokens, of_weights schemes; a multiplier for the tensor is made here
/// @param x (m x n), w (o x n)   @param scale diag(1 / s)   @param branch of rank 0: none. No rounds are enough for a search.
/// Complexity: 4 m o n operations, and the branch.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, and values that are not finite; std::bad_alloc.
/// Source: Li et al. (SVDQuant), arXiv 2411.05007, section 4.
template <execution_policy P, class OfTokens, class OfWeights>
[[nodiscard]] double smoothed_output_error(P const& on, OfTokens const& of_tokens, OfWeights const& of_weights,
                                           matrix_view<float const> x, matrix_view<float const> w,
                                           channel_scale const& scale, low_rank_options const& branch = {0, 0, {}}) {
  check_stride("tokens", x);
  check_shape("the weight", w, w.rows, x.columns);
  auto tokens = detail::copy_as<float>(x);
  auto weight = detail::copy_as<float>(w);
  apply(on, scale, tokens.view());
  apply_to_weight(on, scale, weight.view());
  if (branch.rank > 0) {
    weight = low_rank_alternation(on, of_weights, weight.view(), branch).residual;
  }
  matrix<float> tokens_now(x.rows, x.columns);
  matrix<float> weight_now(w.rows, w.columns);
  auto const read = [](matrix<float> const& from) { return from.view(); };
  fake_quantize(on, for_tensor(of_tokens, read(tokens)), read(tokens), tokens_now.view());
  fake_quantize(on, for_tensor(of_weights, read(weight)), read(weight), weight_now.view());
  return sample_output_error(on, read(tokens), read(weight), read(tokens_now), read(weight_now));
}

}  // namespace dfrot
