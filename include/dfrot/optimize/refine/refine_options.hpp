#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/loss/weighted_error.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot {

/// In which precision the products of ordinary tokens and the polar factor of C = sum of w^2 y^T b are formed. C itself and
/// the products of massive tokens are always in float64.
enum class product_precision : std::uint8_t {
  automatic,  ///< float32 for float tokens, at least two ordinary ones a channel; float64 otherwise
  float32,    ///< for many tokens: twice as fast
  float64,    ///< for few tokens, where C is singular and its null space must stay clean
};

/// The momentum that ends with the least loss and the least error on tokens held out, by measurement (docs/refinement.md).
/// It differs with the scale rule: with the scale of the largest value, long steps throw massive tokens about.
[[nodiscard]] constexpr double recommended_momentum(scale_rule rule) { return rule == scale_rule::search ? 0.95 : 0.7; }

/// How to refine a rotation. The defaults follow from measurements (docs/refinement.md). The paper's iteration is
/// {.alpha = 100, .rounds = 100, .momentum = 0, .target_clip = 1, .patience = 0}.
struct refine_options {
  double alpha = 100;  ///< weight of a massive token; the paper found 50 to 200 good, 1 and infinity bad
  int rounds = 30;     ///< alternations at most; the paper has 100
  /// beta in [0, 1): how far a round goes on in the direction of the last; 0: the paper's iteration
  double momentum = recommended_momentum(scale_rule::max);
  /// in (0, 1]: the points that ordinary tokens are drawn to have a range of this ratio (see clipped_targets()); 1: the nearest
  /// ones, as in the paper
  double target_clip = 0.5;
  double tolerance = 1e-3;    ///< rounds gain something when the loss has fallen by more than this share of it, on the
                              ///< tokens in use or on those held out
  int patience = 5;           ///< so many rounds in a row without that end the work; 0: they never do
  std::size_t block = 0;      ///< R = R_start diag(G_1, ..., G_k) with k blocks of this order; 0: one, of all channels
  bool shared_block = false;  ///< G_1 = ... = G_k
  double first_share =
      1;  ///< in (0, 1]: the first rounds refine with this share of the ordinary tokens, in blocks of 1024
  int first_rounds = 10;  ///< how many rounds those are at most; they end by patience, too
  product_precision precision = product_precision::automatic;
  std::vector<std::uint8_t>
      held_out{};  ///< one flag a token, or empty: tokens that decide which round is kept, and are
                   ///< not refined with
};

/// Checks the options for a number of channels. Throws: std::invalid_argument naming the option and its value.
inline void check_options(refine_options const& options, std::size_t channels) {
  expects(is_finite(options.alpha) && options.alpha >= 0, "refine: alpha is ", options.alpha,
          "; it must be finite and at least 0");
  expects(options.rounds >= 0, "refine: rounds is ", options.rounds, "; it must be at least 0");
  expects(options.momentum >= 0 && options.momentum < 1, "refine: momentum is ", options.momentum,
          "; it must be at least 0 and below 1");
  expects(options.target_clip > 0 && options.target_clip <= 1, "refine: target_clip is ", options.target_clip,
          "; it must be above 0 and at most 1");
  expects(options.tolerance >= 0 && options.tolerance < 1, "refine: tolerance is ", options.tolerance,
          "; it must be at least 0 and below 1");
  expects(options.patience >= 0, "refine: patience is ", options.patience, "; it must be at least 0");
  expects(options.first_share > 0 && options.first_share <= 1, "refine: first_share is ", options.first_share,
          "; it must be above 0 and at most 1");
  expects(options.first_rounds >= 0, "refine: first_rounds is ", options.first_rounds, "; it must be at least 0");
  expects(options.block == 0 || (options.block <= channels && channels % options.block == 0), "refine: ", channels,
          " channels cannot be cut into blocks of ", options.block);
}

/// What a round of the alternation reached: the errors under the rotation that it measured.
struct refine_round {
  int round = 0;             ///< 0 is the start, before any step
  double loss = 0;           ///< weighted loss, sum of w^2 ||x R - Q(x R)||^2, on the tokens that are refined with
  double ordinary = 0;       ///< mean relative squared error of ordinary tokens, NaN without any
  double massive = 0;        ///< mean relative squared error of massive tokens, NaN without any
  double seconds = 0;        ///< since the beginning
  error_summary held_out{};  ///< the same three figures on the tokens held out; NaN, NaN, 0 without any
  double share = 1;          ///< of the ordinary tokens that was measured
  bool restarted = false;    ///< the loss had risen: the step that followed had no momentum
};

/// A refined rotation and how it came about.
template <class T>
struct refined_rotation {
  matrix<T> rotation;                ///< R (n x n) of the round with the least deciding loss
  int best_round = 0;                ///< that round; 0: nothing was better than the start
  std::vector<refine_round> rounds;  ///< all rounds, the start first
  bool stopped = false;              ///< the callback ended the work early
  bool converged = false;            ///< patience ended the work before all rounds were done
  bool few_tokens = false;           ///< fewer than four ordinary tokens a channel: expect to learn them by heart
  bool overfitted =
      false;  ///< the last round was better than the one kept on the tokens refined with, and worse on those held out
};

}  // namespace dfrot
