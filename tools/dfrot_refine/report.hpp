#pragma once

#include <string>

#include "options.hpp"
#include "outcome.hpp"

namespace dfrot::program {

/// The figures of a run as JSON:
///   rows, channels, seed;
///   massive {rule, threshold, channels, count; peaks_above_100, largest_peak: of max / median of |x|, over all rows};
///   errors {none, orthogonal, hadamard, refined: {ordinary, massive, weighted_loss}} over the calibration rows;
///   holdout: the same over the held-out rows, null without --holdout;
///   files [{name, rows, massive, dominated {used, held_out: {count, hadamard, refined}}}]: the errors of the tokens that few
///   channels dominate, null where there are none; warnings: what standard error said, too;
///   rounds [{round, loss, seconds}], round 0 being the start; best_round;
///   orthogonality = ||R^T R - I||_F / sqrt(n); seconds
/// and what was asked for. A mean over no tokens is null.
[[nodiscard]] std::string report(options const& chosen, outcome const& result);

/// A row for every token: its number, whether it is massive and whether it was held out, ||x - Q(x)||_2 and
/// ||x - Q(x)||^2 / ||x||^2 without a rotation, under the start and under the refined rotation. Comma-separated.
[[nodiscard]] std::string token_csv(outcome const& result);

}  // namespace dfrot::program
