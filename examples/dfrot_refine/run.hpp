#pragma once

#include "options.hpp"
#include "outcome.hpp"
#include "progress.hpp"

namespace dfrot::program {

/// Does the work: reads, measures, refines, measures again.
/// Throws: io_error for bad input; std::invalid_argument where the library refuses the data; std::bad_alloc.
[[nodiscard]] outcome run(options const& chosen, progress& shown);

}  // namespace dfrot::program
