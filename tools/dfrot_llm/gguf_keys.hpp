#pragma once

#include <cstdint>

#include <dfrot/io/gguf_metadata.hpp>

#include "model_source.hpp"
#include "options.hpp"

namespace dfrot::program {

/// The keys of an exported GGUF file: those of a GGUF source that stay true, above all its tokenizer's, and what the model's
/// configuration is.   @param file_type ggml's number for how weights are stored
/// Throws: io_error where no key says what the model is.
[[nodiscard]] gguf_metadata::map gguf_keys_of(export_options const& chosen, model_source const& source,
                                              std::uint32_t file_type);

/// Whether each frequency of rotary positions has a factor of its own, which is a tensor; one of all is a key.
[[nodiscard]] bool has_rope_factors(model_config const& config);

}  // namespace dfrot::program
