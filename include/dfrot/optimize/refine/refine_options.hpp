#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot {

/// The precision of the products of ordinary tokens and of the polar factor of C = sum of w^2 y^T b. C itself and the products of
/// massive tokens are always in float64.
enum class product_precision : std::uint8_t {
  automatic,  ///< float32 for float tokens, at least two ordinary ones a channel; float64 otherwise
  float32,    ///< for many tokens: twice as fast
  float64,    ///< for few tokens, where C is singular and its null space must stay clean
};

/// The momentum with the least loss and the least error on held-out tokens, as measured (docs/refinement.md).
/// It depends on the scale rule: where the largest value sets the scale, long steps throw massive tokens about.
[[nodiscard]] constexpr double recommended_momentum(scale_rule rule) { return rule == scale_rule::search ? 0.95 : 0.7; }

/// How to refine a rotation. The defaults follow from measurements (docs/refinement.md). The paper's iteration is
/// {.alpha = 100, .rounds = 100, .momentum = 0, .target_clip = 1, .patience = 0}.
struct refine_options {
  /// Weight of a massive token; the paper found 50 to 200 good, 1 and infinity bad.
  double alpha = 100;
  /// Most alternations; the paper has 100.
  int rounds = 30;
  /// beta in [0, 1): how far a round continues in the direction of the last; 0: the paper's iteration.
  double momentum = recommended_momentum(scale_rule::max);
  /// In (0, 1]: range of the targets of ordinary tokens, as a ratio of their own (see clipped_targets()); 1: their nearest points, as
  /// in the paper. A target clipped to a smaller range pulls outliers inwards.
  double target_clip = 0.5;
  /// A round improves if the loss falls by more than this share, on the calibration tokens or on the held-out ones.
  double tolerance = 1e-3;
  /// Stop after this many rounds without improvement; 0: never.
  int patience = 5;
  /// Order of the blocks G_i of R = R_start diag(G_1, ..., G_k); 0: one block of all channels.
  std::size_t block = 0;
  /// Use one block for all: G_1 = ... = G_k.
  bool shared_block = false;
  /// In (0, 1]: share of the ordinary tokens that the first rounds refine with, in blocks of 1024.
  double first_share = 1;
  /// Most rounds with that share; patience ends them, too.
  int first_rounds = 10;
  product_precision precision = product_precision::automatic;
  /// One flag a token, or empty: tokens that decide which round is kept, and that are not refined with.
  std::vector<std::uint8_t> held_out{};
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

/// A round of the alternation: the errors under the rotation that it measured.
struct refine_round {
  int round = 0;             ///< 0 is the start, before any step
  double loss = 0;           ///< weighted loss, sum of w^2 ||x R - Q(x R)||^2, on the calibration tokens
  double ordinary = 0;       ///< mean relative squared error of ordinary tokens, NaN without any
  double massive = 0;        ///< mean relative squared error of massive tokens, NaN without any
  double seconds = 0;        ///< since the beginning
  error_summary held_out{};  ///< the same three figures on the held-out tokens; NaN, NaN, 0 without any
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
  bool too_few_tokens = false;       ///< fewer than four ordinary tokens a channel: expect the rotation to overfit
  /// The last round was better on calibration tokens than the one kept, and worse on held-out ones.
  bool overfitted = false;
};

}  // namespace dfrot
