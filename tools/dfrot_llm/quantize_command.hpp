#pragma once

#include <string>

#include "options.hpp"
#include "ranks.hpp"

namespace dfrot::program {

/// Writes a model with weights in 4 bits, as a Hugging Face folder in the layout of compressed-tensors: R1 and R2 are in the weights, R4
/// too where it is asked for, norms have gains of 1, and embedding, head and scales are of one type. Codes are made with the rounded
/// scales. A file a layer appears complete, or not at all; config.json comes last. A run that finds files of the same model, text and
/// options in the folder goes on after them, to the same bytes as an undisturbed one.
/// Returns what there is to say: with --dry-run the memory, the time and the files that a run would take and write.
/// Several ranks share GPTQ's sequences and rows; each reads the model, and the first one writes. The folder is one for all.
/// Memory: a layer, the calibration sequences, and GPTQ's matrices.   Determinism: bitwise for any number of threads and ranks.
/// Throws: io_error as the source, for a folder that cannot be written, holds another model, or was begun with something else;
/// std::invalid_argument where a width has no Hadamard matrix, or what is asked for cannot be expressed.
[[nodiscard]] std::string quantize_model(quantize_options const& chosen, ranks const& together);

}  // namespace dfrot::program
