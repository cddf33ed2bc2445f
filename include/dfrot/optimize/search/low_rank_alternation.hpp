#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/truncated_svd.hpp>
#include <dfrot/optimize/gptq/weight_rows.hpp>
#include <dfrot/optimize/search/output_error.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/tensor_scale.hpp>

namespace dfrot {

/// Options of low_rank_alternation().
struct low_rank_options {
  std::size_t rank = 32;      ///< r, at most min(o, n); 0: no branch
  int rounds = 100;           ///< rounds after the first, at most; the first that is not better is the last
  truncated_svd_options svd;  ///< of the first round; later ones begin where the one before ended
};

/// A weight in two parts.
struct low_rank_split {
  matrix<float> up;            ///< B (o x r): U diag(s)
  matrix<float> down;          ///< A (r x n): V^T
  matrix<float> residual;      ///< R = W - B A (o x n), to be quantized
  std::vector<double> errors;  ///< of each round that was tried: the one before the last is the best, or the last is
  std::size_t best = 0;        ///< which round this is
};

namespace detail {

/// R = W - B A, in double, rounded once.
template <execution_policy P>
[[nodiscard]] matrix<float> residual_of(P const& on, matrix<double> const& w, matrix<float> const& up,
                                        matrix<float> const& down) {
  matrix<double> rest = w;
  if (down.rows() > 0) {
    auto const left = copy_as<double>(up.view());
    auto const right = copy_as<double>(down.view());
    dense_product(on, -1.0, as_is(left.view()), as_is(right.view()), 1.0, rest.view());
  }
  return copy_as<float>(rest.view());
}

}  // namespace detail

/// Splits a weight into a low-rank part, kept in 16 bits or more, and a residual that is easy to quantize:
///   B A = SVD_r(W - Q),   Q = Q(W - B A),   in turns from Q = 0; the round with the least error is kept
/// Each half is best for the other (the first exactly, the second but for the scales), so that the error falls as a rule.
/// @param on where to run (host)   @param w (o x n) float, half or bfloat16. Weights of several layers that read the same tokens (q, k
/// and v) share A if their rows are put together.
/// @param round round(R, Q) writes what the codes of R stand for to Q, both (o x n) float: nearest codes, GPTQ, …
/// @param error error(E) of E = W - B A - Q (o x n) double: a number, such as ||E||_F^2 or weight_output_error()
/// @return the two parts; quantize `residual` as `round` does to have the codes
/// Complexity: of each round, one of `round` and truncated_svd().   Memory: 3 o n doubles and 2 o n floats.
/// Determinism: as round's and error's, otherwise bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, rank, and weights that are not finite; std::bad_alloc.
/// Source: Li et al. (SVDQuant), arXiv 2411.05007, section 4; the alternation: Guo et al. (LQ-LoRA), arXiv 2311.12023.
template <execution_policy P, detail::weight_storage W, class Round, class Error>
requires std::invocable<Round&, matrix_view<float const>, matrix_view<float>> &&
    std::invocable<Error&, matrix_view<double const>>
[[nodiscard]] low_rank_split low_rank_alternation(P const& on, matrix_view<W> w, low_rank_options const& options,
                                                  Round&& round, Error&& error) {
  check_policy<host_space>(on);
  check_stride("the weight", w);
  detail::reject_non_finite_weights(matrix_view<std::remove_const_t<W> const>(w));
  expects(options.rounds >= 0, "low_rank_alternation: ", options.rounds, " rounds");
  std::size_t const count = w.rows * w.columns;
  auto const whole = detail::copy_as<double>(w);
  matrix<double> target = whole;  // W - Q
  matrix<double> rest(w.rows, w.columns);
  matrix<float> q(w.rows, w.columns);
  low_rank_split best;
  truncated_svd_result svd;
  std::vector<double> errors;
  for (int k = 0; k <= options.rounds; ++k) {
    svd = truncated_svd(on, target.view(), options.rank, options.svd, std::move(svd.start));
    low_rank_split now{matrix<float>(w.rows, options.rank), {}, {}, {}, errors.size()};
    for (std::size_t p = 0; p < options.rank; ++p) {
      for (std::size_t i = 0; i < w.rows; ++i) {
        now.up(i, p) = static_cast<float>(svd.values[p] * svd.left(p, i));
      }
    }
    now.down = detail::copy_as<float>(svd.right.view());
    now.residual = detail::residual_of(on, whole, now.up, now.down);
    round(matrix_view<float const>(now.residual.view()), q.view());
    for (std::size_t i = 0; i < count; ++i) {
      rest.data()[i] = static_cast<double>(now.residual.data()[i]) - static_cast<double>(q.data()[i]);
      target.data()[i] = whole.data()[i] - static_cast<double>(q.data()[i]);
    }
    errors.push_back(error(matrix_view<double const>(rest.view())));
    if (k > 0 && !(errors.back() < errors[best.best])) {
      break;
    }
    best = std::move(now);
  }
  best.errors = std::move(errors);
  return best;
}

namespace detail {

template <execution_policy P, class Scheme>
[[nodiscard]] auto nearest_codes(P const& on, Scheme const& scheme) {
  return [&on, scheme](matrix_view<float const> r, matrix_view<float> q) {
    fake_quantize(on, for_tensor(scheme, r), r, q);
  };
}

}  // namespace detail

/// The same with the nearest codes of a scheme, by ||E||_F^2. A scheme with a multiplier for the tensor gets one for each residual
/// (see for_tensor(), which the codes need, too).
template <execution_policy P, quantization_scheme Scheme, detail::weight_storage W>
[[nodiscard]] low_rank_split low_rank_alternation(P const& on, Scheme const& scheme, matrix_view<W> w,
                                                  low_rank_options const& options) {
  return low_rank_alternation(on, w, options, detail::nearest_codes(on, scheme), [](matrix_view<double const> e) {
    double sum = 0;
    for (std::size_t i = 0; i < e.rows * e.columns; ++i) {
      sum += e.data[i] * e.data[i];
    }
    return sum;
  });
}

/// The same by the error of the layer's output:   tr(E H E^T)   @param h (n x n) symmetric, as gram_sums<double> gives
template <execution_policy P, quantization_scheme Scheme, detail::weight_storage W, class H>
[[nodiscard]] low_rank_split low_rank_alternation(P const& on, Scheme const& scheme, matrix_view<W> w,
                                                  low_rank_options const& options, matrix_view<H> h) {
  return low_rank_alternation(on, w, options, detail::nearest_codes(on, scheme),
                              [&](matrix_view<double const> e) { return weight_output_error(on, e, h); });
}

}  // namespace dfrot
