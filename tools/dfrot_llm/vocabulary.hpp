#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pre_tokenizer.hpp"

namespace dfrot::program {

/// What a token is for; the numbers are those of GGUF (tokenizer.ggml.token_type).
enum class token_kind : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

/// How words become tokens.
enum class token_model : std::uint8_t {
  byte_pairs,  ///< "gpt2": bytes, merged in the order of a list
  scores       ///< "llama": characters, merged to the token with the best score; bytes where there is none
};

/// Everything that a tokenizer is made of.
struct vocabulary {
  token_model model = token_model::byte_pairs;
  std::vector<std::string> tokens;  ///< by id, as the model file writes them
  std::vector<token_kind> kinds;    ///< one for each token; empty: all are normal
  std::vector<std::string> merges;  ///< byte_pairs: "left right", the first one first
  std::vector<float> scores;        ///< scores: one for each token
  std::vector<split_step> split;    ///< byte_pairs: the pre-tokenizer
  bool whole_words_first = false;   ///< byte_pairs: a word that is a token is not merged together
  bool space_before = true;         ///< scores: a space goes before the text
  std::string refused;  ///< a regular expression for text that a normal form may change, which is refused; empty: none
};

}  // namespace dfrot::program
