#pragma once

#include "cuda_device.hpp"
#include "options.hpp"
#include "outcome.hpp"
#include "progress.hpp"
#include "round_log.hpp"

namespace dfrot::program {

/// Does the work: reads, measures, refines, measures again.
/// @param device where the rounds of the full method run; none: on the processor   @param log gets the rounds
/// Throws: device_error if its memory is too small; io_error for bad input; std::invalid_argument where the library
/// refuses the data; std::bad_alloc.
[[nodiscard]] outcome run(options const& chosen, cuda_device const* device, progress& shown, round_log& log);

}  // namespace dfrot::program
