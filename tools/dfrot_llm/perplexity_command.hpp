#pragma once

#include "options.hpp"
#include "perplexity_report.hpp"

namespace dfrot::program {

/// Runs `dfrot-llm perplexity`. Ends early, with what was measured until then, where a signal came.
/// Throws: io_error for bad input; std::invalid_argument where the library refuses it; std::bad_alloc.
[[nodiscard]] perplexity_run measure_perplexity(perplexity_options const& chosen);

}  // namespace dfrot::program
