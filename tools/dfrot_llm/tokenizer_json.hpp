#pragma once

#include <filesystem>

#include "vocabulary.hpp"

namespace dfrot::program {

/// The vocabulary of a tokenizer.json, as Hugging Face's tokenizers write it: byte-level BPE (model BPE; pre-tokenizers
/// Split, Digits, ByteLevel, and Sequence of them; added tokens; normalizer none or NFC). What makes other text of ids
/// (decoder) and what is put around a text (post-processor, truncation, padding) is not read.
/// Throws: io_error naming the file and the part that is not supported or damaged.
[[nodiscard]] vocabulary read_tokenizer_json(std::filesystem::path const& path);

}  // namespace dfrot::program
