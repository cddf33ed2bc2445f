#pragma once

#include "options.hpp"
#include "outcome.hpp"
#include "progress.hpp"

namespace dfrot::program {

/// Does the work: reads, finds the massive tokens, measures the plain rotations, refines, measures the result.
/// Throws: io_error for bad input, std::bad_alloc.
[[nodiscard]] outcome run(options const& chosen, progress& shown);

}  // namespace dfrot::program
