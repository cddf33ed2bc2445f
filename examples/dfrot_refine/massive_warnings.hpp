#pragma once

#include "outcome.hpp"

namespace dfrot::program {

/// Measures the tokens that few channels dominate most, and says where they are not served: none is marked as massive although
/// there are such; the short method turned nothing; the refined rotation is worse for them than the Hadamard.
/// Fills in purest_used, purest_held_out and warnings of the outcome, from its peaks and errors.
void look_at_peaks(outcome& result);

}  // namespace dfrot::program
