#pragma once

#include <string>

#include "options.hpp"
#include "outcome.hpp"

namespace dfrot::program {

/// A picture of a run as SVG, self-contained and readable in black and white. Left: for each token its relative squared
/// error under the start (across) and under the refined rotation (up), both on logarithmic axes; ordinary tokens are
/// grey dots, massive ones black diamonds; what lies below the diagonal has improved. Right: the weighted loss of every
/// round, the best ringed.
[[nodiscard]] std::string plot(options const& chosen, outcome const& result);

}  // namespace dfrot::program
