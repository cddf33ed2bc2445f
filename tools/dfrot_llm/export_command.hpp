#pragma once

#include "options.hpp"

namespace dfrot::program {

/// Writes a model with its rotation in the weights, as a Hugging Face folder that any program runs as it is: R1 in all of them, R2 in
/// v and o, norms with gains of 1, a head of its own. What has to be computed while the model runs (R3, R4) is left out.
/// Files appear complete, or not at all; config.json comes last. A folder's tokenizer comes along; that of a GGUF file does not.
/// Memory: one layer, in float and double.   Determinism: bitwise for any number of threads.
/// Throws: io_error as the source, for a folder that cannot be written, and for a weight that is too large for the type;
/// std::invalid_argument where a head's width has no Hadamard matrix.
void export_model(export_options const& chosen);

}  // namespace dfrot::program
