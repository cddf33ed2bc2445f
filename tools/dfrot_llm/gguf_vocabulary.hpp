#pragma once

#include <dfrot/io/gguf_metadata.hpp>

#include "vocabulary.hpp"

namespace dfrot::program {

/// The vocabulary in the metadata of a GGUF file: tokenizer.ggml.model "gpt2" with tokenizer.ggml.pre (missing: "default",
/// as llama.cpp takes it) and merges, or "llama" with scores.
///   tokenizer const words(vocabulary_of(gguf_file("model.gguf").metadata()));
/// Throws: io_error for another model or pre-tokenizer, by its name; a key that is missing, or holds something else.
[[nodiscard]] vocabulary vocabulary_of(gguf_metadata const& metadata);

}  // namespace dfrot::program
