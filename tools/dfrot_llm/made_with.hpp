#pragma once

#include <cstdint>
#include <vector>

#include <dfrot/io/safetensors_tensor.hpp>

#include "batch.hpp"
#include "options.hpp"

namespace dfrot::program {

/// Everything that decides the bytes of a quantized model, by name. Models, texts and files of rotations stand as hashes of all of their
/// bytes: a model is read anyway, and reading it once more costs little beside quantizing it, while sizes and times of change tell
/// neither a model that was copied from one that was made anew, nor one changed in place.
/// @param calibration GPTQ's sequences, or null   @param ids of the text; empty: nothing reads it   Throws: io_error.
[[nodiscard]] safetensors_metadata made_with(quantize_options const& chosen, batch const* calibration,
                                             std::vector<std::int32_t> const& ids);

}  // namespace dfrot::program
