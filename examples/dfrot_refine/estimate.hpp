#pragma once

#include <string>

#include "options.hpp"

namespace dfrot::program {

/// What a run would do, and the memory and time that it would take, for --dry-run. The input's headers are read; a product of
/// a few rows is timed, and all else follows from the number of operations.
/// Throws: io_error as the run itself would for files that cannot be read.
[[nodiscard]] std::string estimate(options const& chosen);

}  // namespace dfrot::program
