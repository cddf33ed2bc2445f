#pragma once

#include <cstddef>
#include <string>

#include "cuda_device.hpp"
#include "options.hpp"

namespace dfrot::program {

/// Estimates the bytes of a device's memory that the full refinement takes: matrices and blocks of tokens, without what CUDA's
/// libraries keep.
[[nodiscard]] double device_bytes(options const& chosen, std::size_t rows, std::size_t channels);

/// Refuses work that the device has too little memory for, before it begins.   Throws: device_error with both sizes.
void require_device_memory(cuda_device const& device, options const& chosen, std::size_t rows, std::size_t channels);

/// Describes what a run would do, and estimates its memory and time, for --dry-run. The input's headers are read; a
/// product of a few rows is timed, and all else follows from the number of operations.
/// @param device where the rounds of the full method would run; none: on the processor
/// Throws: device_error as require_device_memory(); io_error as the run itself would for files that cannot be read.
[[nodiscard]] std::string estimate(options const& chosen, cuda_device const* device);

}  // namespace dfrot::program
