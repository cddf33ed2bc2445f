#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/optimize/refine/refinement_progress.hpp>
#include <dfrot/optimize/refine/token_flags.hpp>

namespace dfrot {

/// The rules of the alternation, wherever its matrices are: which tokens a round takes, when momentum is dropped, which rotation
/// is kept, and when the work ends. See refinement.
class refinement_rules {
 public:
  /// @param single whether the rotation is one of float   Other parameters as refinement's.
  /// Throws: std::invalid_argument on options.
  refinement_rules(refine_options const& options, std::size_t channels, std::size_t ordinary_tokens, bool single)
      : options_(options), channels_(channels), began_(std::chrono::steady_clock::now()) {
    check_options(options, channels);
    options_.held_out.clear();  // flags belong to the tokens, which are not here
    bool const many =
        single && options.first_share * static_cast<double>(ordinary_tokens) >= 2 * static_cast<double>(channels);
    precision_ = options.precision != product_precision::automatic ? options.precision
                 : many                                            ? product_precision::float32
                                                                   : product_precision::float64;
  }

  [[nodiscard]] refine_options const& options() const { return options_; }
  /// Of the products of ordinary tokens: float32 or float64.
  [[nodiscard]] product_precision precision() const { return precision_; }

  /// Before the first round.
  void begin(refinement_progress& progress) const { progress.all_tokens = !(options_.first_share < 1); }

  /// Before the next round of work that was interrupted.
  /// Throws: std::invalid_argument naming the first number that work with these options cannot have come to.
  void resume(refinement_progress const& progress) {
    check(progress);
    seconds_before_ = progress.rounds.empty() ? 0 : progress.rounds.back().seconds;
  }

  /// What the next round asks of the tokens.
  [[nodiscard]] round_request request(refinement_progress const& progress) const {
    int const next = next_round(progress);
    bool const on_all = progress.all_tokens || next >= std::min(options_.first_rounds, options_.rounds);
    return {on_all ? 1.0 : options_.first_share, next < options_.rounds, options_.target_clip};
  }

  /// Ends a round: adds it to the progress, and decides whether it is the last.
  /// @param calibration, held_out the errors under the rotation that was measured
  /// @return true if that rotation is the best so far
  [[nodiscard]] bool note_round(refinement_progress& progress, error_sums const& calibration,
                                error_sums const& held_out) const {
    refine_round const round = measured(progress, calibration, held_out);
    progress.too_few_tokens = calibration.ordinary.count < 4.0 * static_cast<double>(channels_);
    return add(progress, round);
  }

  /// How far the step after the last round goes on: beta, or 0 where the loss has risen, and in the last step, which no round
  /// follows that could use where momentum leads.
  [[nodiscard]] double momentum(refinement_progress const& progress) const {
    bool const last_step = next_round(progress) == options_.rounds;
    return last_step || progress.rounds.back().restarted ? 0.0 : options_.momentum;
  }

  /// All that a refinement returns.   @param best the rotation of the best round
  template <class T>
  [[nodiscard]] static refined_rotation<T> result(refinement_progress&& progress, matrix<T> best) {
    refined_rotation<T> result;
    result.best_round = progress.best_round;
    result.converged = progress.converged;
    result.too_few_tokens = progress.too_few_tokens;
    result.overfitted = overfitted(progress);
    result.rotation = std::move(best);
    result.rounds = std::move(progress.rounds);
    return result;
  }

 private:
  [[nodiscard]] static int next_round(refinement_progress const& progress) {
    return static_cast<int>(progress.rounds.size());
  }

  [[nodiscard]] static refine_round const& best_of(refinement_progress const& progress) {
    return progress.rounds[static_cast<std::size_t>(progress.best_round)];
  }

  [[nodiscard]] static bool on_same_tokens(refinement_progress const& progress, refine_round const& round) {
    return !progress.rounds.empty() && progress.rounds.back().share == round.share;
  }

  [[nodiscard]] static bool has_held_out(refine_round const& round) {
    return !(is_nan(round.held_out.ordinary) && is_nan(round.held_out.massive));
  }

  /// What decides which round is kept: the weighted loss, on the tokens held out where there are any.
  [[nodiscard]] static double deciding_loss(refine_round const& round) {
    return has_held_out(round) ? round.held_out.weighted_loss : round.loss;
  }

  /// On tokens held out, all rounds can be compared; else a round on all tokens goes before any on a share of them.
  [[nodiscard]] static bool is_better(refine_round const& round, refine_round const& best) {
    if (!has_held_out(round) && round.share != best.share) {
      return true;
    }
    return deciding_loss(round) < deciding_loss(best);
  }

  /// Whether a round is a step forward: for the tokens in use, or for those held out, which decide in the end. (After the
  /// loss has jumped, the way down may be a better one for tokens held out long before it is for the others.)
  [[nodiscard]] bool gained(refinement_progress const& progress, refine_round const& round) const {
    double const needed = 1 - options_.tolerance;
    if (!on_same_tokens(progress, round) || round.loss < needed * progress.least) {
      return true;
    }
    double least_held_out = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i + static_cast<std::size_t>(progress.stalled) < progress.rounds.size(); ++i) {
      least_held_out = std::min(least_held_out, progress.rounds[i].held_out.weighted_loss);
    }
    return has_held_out(round) && round.held_out.weighted_loss < needed * least_held_out;
  }

  [[nodiscard]] static bool overfitted(refinement_progress const& progress) {
    auto const& best = best_of(progress);
    auto const& last = progress.rounds.back();
    return last.loss < best.loss && last.held_out.weighted_loss > best.held_out.weighted_loss;
  }

  /// What follows from a round, and from nothing else. Returns true if its rotation is the best so far.
  bool add(refinement_progress& progress, refine_round const& round) const {
    progress.stalled = gained(progress, round) ? 0 : progress.stalled + 1;
    if (progress.stalled == 0) {
      progress.least = on_same_tokens(progress, round) ? std::min(progress.least, round.loss) : round.loss;
    }
    bool const best = progress.rounds.empty() || is_better(round, best_of(progress));
    if (best) {
      progress.best_round = round.round;
    }
    progress.rounds.push_back(round);
    lose_patience(progress);
    progress.finished = round.round == options_.rounds || progress.converged;
    return best;
  }

  /// Goes through the rounds again: every other number follows from them, too_few_tokens excepted.
  void check(refinement_progress const& progress) const {
    refinement_progress again;
    begin(again);
    for (refine_round const& round : progress.rounds) {
      expects(!again.finished, "refine: the state has ", progress.rounds.size(), " rounds, the work ends after ",
              again.rounds.size());
      check_round(again, round);
      add(again, round);
    }
    auto const same = [](char const* name, auto found, auto expected) {
      expects(found == expected, "refine: the state says ", name, " = ", found, ", its rounds lead to ", expected);
    };
    same("best_round", progress.best_round, again.best_round);
    same("stalled", progress.stalled, again.stalled);
    same("least", progress.least, again.least);
    same("all_tokens", progress.all_tokens, again.all_tokens);
    same("finished", progress.finished, again.finished);
    same("converged", progress.converged, again.converged);
  }

  /// Checks a round against those before it.
  void check_round(refinement_progress const& before, refine_round const& round) const {
    int const number = next_round(before);
    auto const require = [number](bool holds, char const* name, auto value) {
      expects(holds, "refine: round ", number, " of the state cannot have ", name, " = ", value);
    };
    require(round.round == number, "the number", round.round);
    require(round.loss >= 0, "loss", round.loss);
    require(round.held_out.weighted_loss >= 0, "held-out loss", round.held_out.weighted_loss);
    for (double const mean : {round.ordinary, round.massive, round.held_out.ordinary, round.held_out.massive}) {
      require(!(mean < 0), "mean error", mean);  // NaN without any tokens of the kind
    }
    double const earlier = number == 0 ? 0 : before.rounds.back().seconds;
    require(is_finite(round.seconds) && round.seconds >= earlier, "seconds", round.seconds);
    require(round.share == request(before).share, "share", round.share);
    require(round.restarted == has_risen(before, round), "restarted", round.restarted);
  }

  /// Whether the loss is larger than one round before, on the same tokens.
  [[nodiscard]] static bool has_risen(refinement_progress const& before, refine_round const& round) {
    return on_same_tokens(before, round) && round.loss > before.rounds.back().loss;
  }

  [[nodiscard]] refine_round measured(refinement_progress const& progress, error_sums const& calibration,
                                      error_sums const& held_out) const {
    error_summary const errors = calibration.summary(options_.alpha);
    std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - began_;
    refine_round round{next_round(progress),
                       errors.weighted_loss,
                       errors.ordinary,
                       errors.massive,
                       seconds_before_ + elapsed.count(),
                       held_out.summary(options_.alpha),
                       request(progress).share,
                       false};
    round.restarted = has_risen(progress, round);
    return round;
  }

  /// Ends the rounds on a share of the tokens, or all work, after too many rounds without gain.
  void lose_patience(refinement_progress& progress) const {
    if (options_.patience == 0 || progress.stalled < options_.patience) {
      return;
    }
    progress.converged = progress.rounds.back().share == 1;
    progress.all_tokens = true;
  }

  refine_options options_;
  std::size_t channels_;
  product_precision precision_ = product_precision::float64;
  std::chrono::steady_clock::time_point began_;
  double seconds_before_ = 0;
};

}  // namespace dfrot
