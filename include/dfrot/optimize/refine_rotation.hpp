#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/loss/weighted_error.hpp>
#include <dfrot/optimize/procrustes.hpp>
#include <dfrot/quantize/fake_quantize.hpp>

namespace dfrot {

/// How to refine a rotation.
struct refine_options {
  double alpha = 100;  ///< weight of a massive token; the paper found 50 to 200 good, 1 and infinity bad
  int rounds = 30;     ///< alternations; the paper has 100
};

/// What a round of the alternation reached, measured on the tokens that it refines with.
struct refine_round {
  int round = 0;        ///< 0 is the start, before any step
  double loss = 0;      ///< weighted loss, sum of w^2 ||x R - Q(x R)||^2
  double ordinary = 0;  ///< mean relative squared error of ordinary tokens, NaN without any
  double massive = 0;   ///< mean relative squared error of massive tokens, NaN without any
  double seconds = 0;   ///< since the call
};

/// A refined rotation and how it came about.
template <class T>
struct refined_rotation {
  matrix<T> rotation;                ///< R (n x n) of the round with the least loss
  int best_round = 0;                ///< that round
  std::vector<refine_round> rounds;  ///< all rounds, the start first
  bool stopped = false;              ///< the callback ended the work early
};

namespace detail {

/// One pass over all tokens under a rotation: their errors, and the Procrustes problem that leads to the next rotation.
/// Tokens go through in blocks, ordinary ones first, then massive ones; nothing of the size of X is allocated.
template <class T>
class refine_pass {
 public:
  refine_pass(matrix_view<T const> x, massive_tokens const& massive)
      : x_(x),
        massive_(massive),
        errors_(x.rows),
        rows_(block_rows, x.columns),
        y_(block_rows, x.columns),
        b_(block_rows, x.columns) {
    for (std::size_t i = 0; i < x.rows; ++i) {
      tokens_[massive.is_massive[i] != 0 ? 1 : 0].push_back(i);
    }
  }

  /// Y = X R and B = Q(Y) block by block; the errors ||y - b||^2; C += w^2 Y^T B unless `problem` is null.
  template <execution_policy P, class Scheme>
  error_summary run(P const& on, Scheme const& scheme, matrix_view<T const> rotation, double alpha,
                    weighted_procrustes* problem) {
    for (bool const massive : {false, true}) {
      auto const& tokens = tokens_[massive ? 1 : 0];
      for (std::size_t first = 0; first < tokens.size(); first += block_rows) {
        std::size_t const count = std::min(block_rows, tokens.size() - first);
        auto const rows = rows_.view().row_block(0, count);
        auto const y = y_.view().row_block(0, count);
        auto const b = b_.view().row_block(0, count);
        for (std::size_t i = 0; i < count; ++i) {
          std::copy_n(x_.row(tokens[first + i]), x_.columns, rows.row(i));
        }
        multiply(on, rows, rotation, y);
        fake_quantize(on, scheme, y, b);
        parallel_for(threads_of(on), count, [&](std::size_t i) { errors_[tokens[first + i]] = difference(y, b, i); });
        if (problem != nullptr) {
          problem->add(on, massive, y, b);
        }
      }
    }
    return summarize({errors_.data(), errors_.size()}, massive_, alpha);
  }

 private:
  static constexpr std::size_t block_rows = 1024;

  static token_error difference(matrix_view<T> y, matrix_view<T> b, std::size_t row) {
    token_error error;
    for (std::size_t j = 0; j < y.columns; ++j) {
      double const value = static_cast<double>(y(row, j));
      double const gap = value - static_cast<double>(b(row, j));
      error.squared_error += gap * gap;
      error.squared_norm += value * value;
    }
    return error;
  }

  matrix_view<T const> x_;
  massive_tokens const& massive_;
  std::vector<std::size_t> tokens_[2];  // ordinary, massive
  std::vector<token_error> errors_;
  matrix<T> rows_, y_, b_;
};

template <class T>
void round_to(matrix<double> const& from, matrix<T>& to) {
  std::transform(from.data(), from.data() + from.rows() * from.columns(), to.data(),
                 [](double value) { return static_cast<T>(value); });
}

}  // namespace detail

/// Refines a rotation for quantization by alternating two exact steps, each of which can only lower the weighted loss
/// (up to the clamping of the quantizer):
///   Y = X R;   B = Q(Y);   C = sum_i w_i^2 y_i^T b_i = U S V^T;   R <- R U V^T
/// Quantizing finds the nearest B for fixed R, the Procrustes step the nearest R for fixed B. The best R seen is kept.
/// @param on where to run (host)   @param scheme the quantizer of the loop, such as int4_scheme
/// @param x (m x n) float or double, tokens x channels, as they enter the rotation (RMS-normalised); not copied, m < n is fine:
/// directions that no token has keep the start's rotation (see nearest_orthogonal())
/// @param massive which tokens are weighted by alpha   @param start (n x n) orthogonal, such as randomized_hadamard::to_dense()
/// @param options alpha, rounds   @param callback called as callback(refine_round const&) after every round, the start
/// included; returning false ends the work with the best R so far
/// @post ||R^T R - I||_F / sqrt(n) about 1e-7 in float: R is carried in float64 and rounded for use
/// Complexity: 4 m n^2 operations (half of them in float64) and a singular value decomposition a round; memory of 6 n x n
/// doubles and three blocks of 1024 x n.   Determinism: bitwise for any thread count; another instruction set rounds otherwise.
/// Throws: std::invalid_argument on shapes, no tokens, a non-finite value, a start that is not orthogonal to 1e-3;
/// std::bad_alloc.   Source: Xiang, Zhang, arXiv 2412.00648, algorithm 1.   Example: examples/04_refine_rotation.cpp
template <execution_policy P, class Scheme, class T, class Callback>
requires std::predicate<Callback&, refine_round const&>
[[nodiscard]] refined_rotation<std::remove_const_t<T>> refine_rotation(P const& on, Scheme const& scheme,
                                                                       matrix_view<T> x, massive_tokens const& massive,
                                                                       matrix_view<std::remove_const_t<T> const> start,
                                                                       refine_options const& options,
                                                                       Callback&& callback) {
  using Value = std::remove_const_t<T>;
  auto const began = std::chrono::steady_clock::now();
  std::size_t const n = x.columns;
  expects(x.rows > 0 && n > 0, "refine: the activations are ", x.rows, " x ", n,
          "; there must be a token and a channel");
  check_stride("activations", x);
  check_shape("start rotation", start, n, n);
  expects(massive.is_massive.size() == x.rows, "refine: ", x.rows, " tokens, but ", massive.is_massive.size(),
          " massive flags");
  expects(options.rounds >= 0, "refine: rounds is ", options.rounds, "; it must be at least 0");
  matrix_view<Value const> const tokens = x;
  reject_non_finite(tokens, first_non_finite_row(tokens));
  double const distance = orthogonality(on, start);
  expects(distance < 1e-3, "refine: the start is not orthogonal: ||R^T R - I||_F / sqrt(n) = ", distance);

  detail::refine_pass<Value> pass(tokens, massive);
  weighted_procrustes problem(n, options.alpha);
  matrix<double> exact(n, n);  // R in float64, so that hundreds of rounds do not wear off its orthogonality
  matrix<double> step(n, n);
  matrix<double> next(n, n);
  refined_rotation<Value> result;
  matrix<Value> rotation(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(start.row(i), n, &exact(i, 0));
  }
  for (int round = 0;; ++round) {
    bool const last = round == options.rounds;
    detail::round_to(exact, rotation);
    error_summary const errors =
        pass.run(on, scheme, std::as_const(rotation).view(), options.alpha, last ? nullptr : &problem);
    std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - began;
    result.rounds.push_back({round, errors.weighted_loss, errors.ordinary, errors.massive, elapsed.count()});
    if (round == 0 || errors.weighted_loss < result.rounds[static_cast<std::size_t>(result.best_round)].loss) {
      result.best_round = round;
      result.rotation = rotation;
    }
    result.stopped = !callback(std::as_const(result.rounds.back()));
    if (last || result.stopped) {
      return result;
    }
    problem.solve(on, step.view());
    multiply(on, exact.view(), step.view(), next.view());
    std::swap(exact, next);
  }
}

}  // namespace dfrot
