#pragma once

#include <cstddef>
#include <string>

#include "model_source.hpp"
#include "options.hpp"

namespace dfrot::program {

/// What `quantize --dry-run` says: memory, time, and the files with their sizes. The time is that of the operations which a run takes, at
/// the rate of a product that is measured here.   @param tokens that GPTQ takes along
[[nodiscard]] std::string estimate_text(quantize_options const& chosen, model_source const& source, std::size_t tokens);

}  // namespace dfrot::program
