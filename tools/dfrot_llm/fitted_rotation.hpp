#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>

#include "fit_settings.hpp"
#include "ranks.hpp"
#include "support/refinement_checkpoint.hpp"

namespace dfrot::program {

/// The massive ones among the rows, by the rule of the settings.   Throws: std::invalid_argument for a value that is not finite.
[[nodiscard]] massive_tokens find_massive(fit_settings const& settings, matrix_view<float const> rows);

/// Refines a Hadamard for all rows, as refine_rotation() does, by `refined` or `paper`.
/// @param kept where the state is after every round, and where it may come from   @param watch called after every round, those of
/// a former run included; false ends the work
/// @param together those who share the rounds, all with the same rows: see add_round()
/// @post stopped: watch ended the work before its end   Throws: io_error as the checkpoint; std::invalid_argument as refine_rotation().
[[nodiscard]] refined_rotation<float> refine_fully(fit_settings const& settings, matrix_view<float const> rows,
                                                   massive_tokens const& massive, refinement_checkpoint const& kept,
                                                   std::function<bool(refine_round const&)> const& watch,
                                                   ranks const& together = alone());

/// Refines a short rotation for the massive rows.   @param watch called after every round; false ends the work
[[nodiscard]] refined_short refine_shortly(fit_settings const& settings, matrix_view<float const> rows,
                                           massive_tokens const& massive,
                                           std::function<bool(short_round const&)> const& watch);

/// The errors of rows under a rotation (channels x channels), or without one, where it has no rows.
[[nodiscard]] std::vector<token_error> errors_under(fit_settings const& settings, matrix<float> const& rotation,
                                                    matrix_view<float const> rows);

/// As a matrix.
[[nodiscard]] matrix<float> dense_of(int threads, short_rotation const& rotation);

/// The Hadamard that a fit begins with, dense; where it refines blocks, the same one in each.
[[nodiscard]] matrix<float> start_of(fit_settings const& settings, std::size_t channels);

}  // namespace dfrot::program
