#pragma once

#include "options.hpp"

namespace dfrot::program {

/// Writes a model with its rotation in the weights, as a Hugging Face folder or a GGUF file that any program runs as it is: R1 in all
/// of them, R2 in v and o, norms with gains of 1, a head of its own. What has to be computed while the model runs (R3, R4) is left
/// out. Files appear complete, or not at all; of a folder, config.json comes last. The tokenizer comes along where source and output
/// are of one kind.
/// Memory: one layer, in float and double.   Determinism: bitwise for any number of threads.
/// Throws: io_error as the source, for an output that cannot be written or cannot say what the model is, and for a weight that is too
/// large for the type; std::invalid_argument where a head's width has no Hadamard matrix.
void export_model(export_options const& chosen);

}  // namespace dfrot::program
