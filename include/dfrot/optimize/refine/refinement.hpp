#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <utility>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/refine/accumulate_tokens.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/optimize/refine/refinement_rules.hpp>
#include <dfrot/optimize/refine/refinement_state.hpp>
#include <dfrot/optimize/refine/round_sums.hpp>

namespace dfrot {

/// The alternation, a round at a time; who calls it feeds it the sums over the tokens, wherever those are:
///   refinement<float> work(on, start, options, ordinary_tokens);
///   round_sums sums = work.empty_sums();
///   while (!work.finished()) {
///     accumulate_tokens(on, scheme, shard, flags, work.rotation(), work.request(), sums);   // any number of shards
///     sums.for_each_array(add those of all machines);
///     work.step(on, sums);                                                                  // and clears them
///   }
///   refined_rotation<float> result = std::move(work).result();
/// With Z the rotation that was measured, R_0 = Z_0 the start, and C the Procrustes matrix of Y = X Z:
///   R_{k+1} = Z_k polar(C),   Z_{k+1} = polar(R_{k+1} + beta (R_{k+1} - R_k)),
/// where beta = momentum, but 0 in a step after the loss has risen (restart) and in the last step. Momentum 0 with
/// target_clip 1 is the paper's iteration.
/// Memory: Z, R and the best rotation (n x n of T each), and either C (n x n doubles) or, once it has been multiplied to Z in
/// float32, the two matrices of nearest_orthogonal(): five n x n of float in all. In float64, C stays beside those two.
/// Source: Xiang, Zhang, arXiv 2412.00648, algorithm 1; restart: O'Donoghue, Candès, "Adaptive restart for accelerated
/// gradient schemes", Found. Comput. Math. 15, 2015.
template <dense_scalar T>
class refinement {
 public:
  /// Begins.
  /// @param start (n x n) orthogonal, such as randomized_hadamard::to_dense()   @param options checked by check_options()
  /// @param ordinary_tokens how many there are to refine with, over all shards; decides product_precision::automatic
  /// Throws: std::invalid_argument on options, shape, or a start that is not orthogonal to 1e-3; std::bad_alloc.
  template <execution_policy P>
  refinement(P const& on, matrix_view<T const> start, refine_options const& options, std::size_t ordinary_tokens)
      : rules_(options, start.columns, ordinary_tokens, std::same_as<T, float>) {
    check_shape("start rotation", start, start.columns, start.columns);
    double const distance = orthogonality(on, start);
    expects(distance < 1e-3, "refine: the start is not orthogonal: ||R^T R - I||_F / sqrt(n) = ", distance);
    for (matrix<T>* const copy : {&state_.rotation, &state_.previous, &state_.best}) {
      *copy = matrix<T>(start.rows, start.columns);
      for (std::size_t i = 0; i < start.rows; ++i) {
        std::copy_n(start.row(i), start.columns, copy->view().row(i));
      }
    }
    rules_.begin(state_);
  }

  /// Goes on where a state was left. @pre the same options and tokens   Throws: std::invalid_argument on options and shapes.
  refinement(refinement_state<T> state, refine_options const& options, std::size_t ordinary_tokens)
      : rules_(options, state.rotation.columns(), ordinary_tokens, std::same_as<T, float>) {
    check_state(state);
    state_ = std::move(state);
    rules_.resume(state_);
  }

  [[nodiscard]] bool finished() const { return state_.finished; }
  [[nodiscard]] refinement_state<T> const& state() const { return state_; }
  /// The rotation under which the tokens are to be measured next.
  [[nodiscard]] matrix_view<T const> rotation() const { return state_.rotation.view(); }
  /// What the next round asks of the tokens.
  [[nodiscard]] round_request request() const { return rules_.request(state_); }

  /// Sums of no tokens, of the size and precision of this refinement.   Throws: std::bad_alloc.
  [[nodiscard]] round_sums empty_sums() const {
    refine_options const& options = rules_.options();
    return round_sums(weighted_procrustes(state_.rotation.columns(), options.alpha, rules_.precision(), options.block));
  }

  /// Ends a round: notes what was measured, keeps the rotation if it is the best so far, and takes the step to the next one.
  /// @param on where to run   @param sums over all tokens, under rotation() and request(); cleared
  /// @return the round   Complexity: O(n^3).   Determinism: bitwise for any number of threads.
  /// Throws: std::invalid_argument if C is not finite; std::bad_alloc.   @pre !finished()
  template <execution_policy P>
  refine_round const& step(P const& on, round_sums& sums) {
    if (rules_.note_round(state_, sums.calibration, sums.held_out)) {
      std::copy_n(state_.rotation.data(), state_.rotation.rows() * state_.rotation.columns(), state_.best.data());
    }
    if (!state_.finished) {
      sums.problem.turn(on, state_.rotation.view(), matrix_view<T const>(state_.previous.view()),
                        rules_.options().shared_block);
      extrapolate(rules_.momentum(state_));
      nearest_orthogonal(on, state_.rotation.view(), state_.rotation.view());
    }
    sums.clear();
    return state_.rounds.back();
  }

  /// The best rotation so far, and all rounds.
  [[nodiscard]] refined_rotation<T> result() && {
    return refinement_rules::result(std::move(state_), std::move(state_.best));
  }

 private:
  /// Z = R + beta (R - R_before) in the place of R, and R in the place of R_before.
  void extrapolate(double momentum) {
    auto const beta = static_cast<T>(momentum);
    for (std::size_t i = 0; i < state_.rotation.rows() * state_.rotation.columns(); ++i) {
      T const now = state_.rotation.data()[i];
      state_.rotation.data()[i] = now + beta * (now - state_.previous.data()[i]);
      state_.previous.data()[i] = now;
    }
  }

  refinement_rules rules_;
  refinement_state<T> state_;
};

/// Hook of refine_rotation(), for all policies of the host: the alternation from a start. Contract as refinement.
template <execution_policy P, dense_scalar T>
[[nodiscard]] refinement<T> begin_refinement(P const& on, matrix_view<T const> start, refine_options const& options,
                                             std::size_t ordinary_tokens) {
  return refinement<T>(on, start, options, ordinary_tokens);
}

}  // namespace dfrot
