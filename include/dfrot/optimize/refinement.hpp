#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/accumulate_tokens.hpp>
#include <dfrot/optimize/refine_options.hpp>
#include <dfrot/optimize/round_sums.hpp>

namespace dfrot {

/// Everything that a refinement remembers from one round to the next. Written to a file after any round and read again, it
/// gives the same bytes as work that was not interrupted.
template <class T>
struct refinement_state {
  matrix<T> rotation;                ///< Z (n x n): the rotation that the next round measures
  matrix<T> previous;                ///< R of the last step (n x n), from which momentum is taken
  matrix<T> best;                    ///< the rotation to return so far (n x n)
  std::vector<refine_round> rounds;  ///< all rounds so far
  int best_round = 0;                ///< the round that measured `best`
  int stalled = 0;                   ///< rounds in a row that gained nothing
  double least = 0;                  ///< the loss of the last round that gained something
  bool all_tokens = false;           ///< the rounds on a share of the tokens are over
  bool finished = false;             ///< nothing is left to do
  bool converged = false;            ///< as in refined_rotation
  bool few_tokens = false;           ///< as in refined_rotation
};

/// The alternation, a round at a time; who calls it feeds it the sums over the tokens, wherever those are:
///   refinement<float> work(on, start, options, ordinary_tokens);
///   round_sums sums = work.empty_sums();
///   while (!work.finished()) {
///     accumulate_tokens(on, scheme, shard, kinds, work.rotation(), work.request(), sums);   // any number of shards
///     sums.for_each_array(add those of all machines);
///     work.step(on, sums);                                                                  // and clears them
///   }
///   refined_rotation<float> result = std::move(work).result();
/// With Z the rotation that was measured, R_0 = Z_0 the start, and C the Procrustes matrix of Y = X Z:
///   R_{k+1} = Z_k polar(C),   Z_{k+1} = polar(R_{k+1} + beta (R_{k+1} - R_k)),
/// where beta = momentum, but 0 in a step after the loss has risen (restart) and in the last step. momentum 0 is the paper's
/// iteration.
/// Memory: Z, R and the best rotation (n x n of T each), besides the sums and the workspace of nearest_orthogonal().
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
      : refinement(options, start.columns, ordinary_tokens) {
    check_shape("start rotation", start, start.columns, start.columns);
    double const distance = orthogonality(on, start);
    expects(distance < 1e-3, "refine: the start is not orthogonal: ||R^T R - I||_F / sqrt(n) = ", distance);
    for (matrix<T>* const copy : {&state_.rotation, &state_.previous, &state_.best}) {
      *copy = matrix<T>(start.rows, start.columns);
      for (std::size_t i = 0; i < start.rows; ++i) {
        std::copy_n(start.row(i), start.columns, copy->view().row(i));
      }
    }
    state_.all_tokens = !(options.first_share < 1);
  }

  /// Goes on where a state was left. @pre the same options and tokens   Throws: std::invalid_argument on options and shapes.
  refinement(refinement_state<T> state, refine_options const& options, std::size_t ordinary_tokens)
      : refinement(options, state.rotation.columns(), ordinary_tokens) {
    std::size_t const n = state.rotation.columns();
    check_shape("rotation", state.rotation.view(), n, n);
    check_shape("previous rotation", state.previous.view(), n, n);
    check_shape("best rotation", state.best.view(), n, n);
    state_ = std::move(state);
    seconds_before_ = state_.rounds.empty() ? 0 : state_.rounds.back().seconds;
  }

  [[nodiscard]] bool finished() const { return state_.finished; }
  [[nodiscard]] refinement_state<T> const& state() const { return state_; }
  /// The rotation under which the tokens are to be measured next.
  [[nodiscard]] matrix_view<T const> rotation() const { return state_.rotation.view(); }
  /// What the next round asks of the tokens.
  [[nodiscard]] round_request request() const {
    return {on_all_tokens() ? 1.0 : options_.first_share, next_round() < options_.rounds};
  }

  /// Sums of no tokens, of the size and precision of this refinement.   Throws: std::bad_alloc.
  [[nodiscard]] round_sums empty_sums() const {
    return round_sums(weighted_procrustes(state_.rotation.columns(), options_.alpha, precision_, options_.block));
  }

  /// Ends a round: notes what was measured, keeps the rotation if it is the best so far, and takes the step to the next one.
  /// @param on where to run   @param sums over all tokens, under rotation() and request(); cleared
  /// @return the round   Complexity: O(n^3).   Determinism: bitwise for any number of threads.
  /// Throws: std::invalid_argument if C is not finite; std::bad_alloc.   @pre !finished()
  template <execution_policy P>
  refine_round const& step(P const& on, round_sums& sums) {
    note_round(sums);
    lose_patience();
    state_.finished = state_.rounds.back().round == options_.rounds || state_.converged;
    if (!state_.finished) {
      sums.problem.turn(on, state_.rotation.view(), options_.shared_block);
      bool const last_step = next_round() == options_.rounds;  // no round follows that could use where momentum leads
      extrapolate(last_step || state_.rounds.back().restarted ? 0.0 : options_.momentum);
      nearest_orthogonal(on, state_.rotation.view(), state_.rotation.view());
    }
    sums.clear();
    return state_.rounds.back();
  }

  /// The best rotation so far, and all rounds.
  [[nodiscard]] refined_rotation<T> result() && {
    refined_rotation<T> result;
    result.best_round = state_.best_round;
    result.converged = state_.converged;
    result.few_tokens = state_.few_tokens;
    result.overfitted = overfitted();
    result.rotation = std::move(state_.best);
    result.rounds = std::move(state_.rounds);
    return result;
  }

 private:
  refinement(refine_options const& options, std::size_t channels, std::size_t ordinary_tokens)
      : options_(options), began_(std::chrono::steady_clock::now()) {
    check_options(options, channels);
    options_.held_out.clear();  // flags belong to the tokens, which are not here
    bool const many = std::same_as<T, float> &&
                      options.first_share * static_cast<double>(ordinary_tokens) >= 2 * static_cast<double>(channels);
    precision_ = options.precision != product_precision::automatic ? options.precision
                 : many                                            ? product_precision::float32
                                                                   : product_precision::float64;
  }

  [[nodiscard]] int next_round() const { return static_cast<int>(state_.rounds.size()); }
  [[nodiscard]] bool on_all_tokens() const {
    return state_.all_tokens || next_round() >= std::min(options_.first_rounds, options_.rounds);
  }

  [[nodiscard]] static bool has_held_out(refine_round const& round) {
    return !(std::isnan(round.held_out.ordinary) && std::isnan(round.held_out.massive));
  }

  /// What decides which round is kept: the weighted loss, on the tokens held out where there are any.
  [[nodiscard]] static double deciding_loss(refine_round const& round) {
    return has_held_out(round) ? round.held_out.weighted_loss : round.loss;
  }

  /// Adds a round to the state, and keeps its rotation if it is the best.
  void note_round(round_sums const& sums) {
    error_summary const used = sums.used.summary(options_.alpha);
    std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - began_;
    refine_round round{next_round(),
                       used.weighted_loss,
                       used.ordinary,
                       used.massive,
                       seconds_before_ + elapsed.count(),
                       sums.held_out.summary(options_.alpha),
                       request().share,
                       false};
    bool const same_tokens = !state_.rounds.empty() && state_.rounds.back().share == round.share;
    round.restarted = same_tokens && round.loss > state_.rounds.back().loss;
    if (!same_tokens || round.loss < (1 - options_.tolerance) * state_.least) {
      state_.least = round.loss;
      state_.stalled = 0;
    } else {
      ++state_.stalled;
    }
    if (state_.rounds.empty() || is_better(round, state_.rounds[static_cast<std::size_t>(state_.best_round)])) {
      state_.best_round = round.round;
      std::copy_n(state_.rotation.data(), state_.rotation.rows() * state_.rotation.columns(), state_.best.data());
    }
    state_.few_tokens = sums.used.values[2] < 4.0 * static_cast<double>(state_.rotation.columns());
    state_.rounds.push_back(round);
  }

  /// On tokens held out, all rounds can be compared; else a round on all tokens goes before any on a share of them.
  [[nodiscard]] static bool is_better(refine_round const& round, refine_round const& best) {
    if (!has_held_out(round) && round.share != best.share) {
      return true;
    }
    return deciding_loss(round) < deciding_loss(best);
  }

  /// Ends the rounds on a share of the tokens, or all work, after too many rounds without gain.
  void lose_patience() {
    if (options_.patience == 0 || state_.stalled < options_.patience) {
      return;
    }
    state_.converged = state_.rounds.back().share == 1;
    state_.all_tokens = true;
  }

  /// Z = R + beta (R - R_before) in the place of R, and R in the place of R_before.
  void extrapolate(double momentum) {
    auto const beta = static_cast<T>(momentum);
    for (std::size_t i = 0; i < state_.rotation.rows() * state_.rotation.columns(); ++i) {
      T const now = state_.rotation.data()[i];
      state_.rotation.data()[i] = now + beta * (now - state_.previous.data()[i]);
      state_.previous.data()[i] = now;
    }
  }

  [[nodiscard]] bool overfitted() const {
    auto const& best = state_.rounds[static_cast<std::size_t>(state_.best_round)];
    auto const& last = state_.rounds.back();
    return last.loss < best.loss && last.held_out.weighted_loss > best.held_out.weighted_loss;
  }

  refine_options options_;
  product_precision precision_ = product_precision::float64;
  refinement_state<T> state_;
  std::chrono::steady_clock::time_point began_;
  double seconds_before_ = 0;
};

}  // namespace dfrot
