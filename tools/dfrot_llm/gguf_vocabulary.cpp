#include "gguf_vocabulary.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "support/visible_text.hpp"

namespace dfrot::program {

vocabulary vocabulary_of(gguf_metadata const& metadata) {
  std::string const model = metadata.get<std::string>("tokenizer.ggml.model");
  if (model != "gpt2" && model != "llama") {
    throw io_error(message("tokenizer.ggml.model is '", visible_text(model), "': gpt2 (byte-level BPE) and llama are ",
                           "supported; tokenize elsewhere and give the token ids (--ids)"));
  }
  vocabulary result;
  result.tokens = metadata.get<std::vector<std::string>>("tokenizer.ggml.tokens");
  auto const kinds = metadata.find<std::vector<std::int32_t>>("tokenizer.ggml.token_type");
  for (std::size_t id = 0; kinds && id < kinds->size(); ++id) {
    std::int32_t const kind = (*kinds)[id];
    if (kind < 1 || kind > 6) {
      throw io_error(message("tokenizer.ggml.token_type of token ", id, " is ", kind, ": 1 to 6 are known"));
    }
    result.kinds.push_back(static_cast<token_kind>(kind));
  }
  if (model == "gpt2") {
    result.merges = metadata.get<std::vector<std::string>>("tokenizer.ggml.merges");
    std::string const pre = metadata.find<std::string>("tokenizer.ggml.pre").value_or("default");
    result.split = split_steps_of(pre);
    result.whole_words_first = pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3";
  } else {
    result.model = token_model::scores;
    result.scores = metadata.get<std::vector<float>>("tokenizer.ggml.scores");
    result.space_before = metadata.find<bool>("tokenizer.ggml.add_space_prefix").value_or(true);
  }
  return result;
}

}  // namespace dfrot::program
