#pragma once

#include "options.hpp"
#include "outcome.hpp"
#include "support/refinement_checkpoint.hpp"

namespace dfrot::program {

/// The checkpoint of a run: it belongs to the input and the options. Input files are identified by their content, not their names.
/// --device is one of the options, since a processor and a device round sums otherwise and so end elsewhere.
/// @param chosen names the file, or none: then nothing is kept
/// @param begun the outcome before the first round: rows, channels, massive tokens, content of the input
[[nodiscard]] refinement_checkpoint checkpoint_of(options const& chosen, outcome const& begun);

}  // namespace dfrot::program
