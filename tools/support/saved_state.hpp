#pragma once

#include <string>

#include <dfrot/optimize/refine/refinement_state.hpp>

namespace dfrot::program {

/// Writes the progress in a state, all but its rotations, as JSON.
[[nodiscard]] std::string state_text(refinement_progress const& progress);

/// Reads what state_text() wrote. refinement_rules checks whether the numbers agree with one another.
/// Throws: io_error naming the field that is missing, or no number of its kind.
/// @param file its name, for messages   @param advice what to do about a damaged one: "remove it to begin anew"
[[nodiscard]] refinement_progress parse_state(std::string const& text, std::string const& file,
                                              std::string const& advice);

}  // namespace dfrot::program
