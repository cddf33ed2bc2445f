#pragma once

#include "compare_report.hpp"
#include "options.hpp"

namespace dfrot::program {

/// Measures methods on the layers of a model, each layer read once for all of them; or on tokens from a file. An interrupted run
/// gives the errors of the layers that it came to.
/// Memory: the residual stream of all tokens for each method, format and scheme; inputs of one layer.
/// Determinism: all but times bitwise, for any number of threads.
/// Throws: io_error for files, and methods that are not known; std::invalid_argument where activations overflow.
[[nodiscard]] compare_run compare_methods(compare_options const& chosen);

}  // namespace dfrot::program
