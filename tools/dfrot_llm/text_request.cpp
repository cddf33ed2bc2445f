#include "text_request.hpp"

#include <system_error>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/io_error.hpp>

#include "gguf_vocabulary.hpp"
#include "token_ids.hpp"
#include "tokenizer.hpp"
#include "tokenizer_json.hpp"

namespace dfrot::program {

std::vector<std::int32_t> ids_of(text_request const& request) {
  if (request.ids) {
    return read_token_ids(*request.ids);
  }
  std::error_code error;
  vocabulary const words = std::filesystem::is_directory(request.model, error)
                               ? read_tokenizer_json(request.model / "tokenizer.json")
                               : vocabulary_of(gguf_file(request.model).metadata());
  return tokenizer(words).encode(read_text(*request.text));
}

batch sequences_of(text_request const& request, model_source const& source, std::vector<std::int32_t> const& ids) {
  model_config const& config = source.config();
  batch tokens(first_sequences(ids, request.sequences, config.vocabulary, request.text_name()));
  if (config.context != 0 && tokens.longest() > config.context) {
    throw io_error(message(source.name(), ": the model attends to ", config.context, " tokens, but sequences have ",
                           tokens.longest(), ": choose a smaller --context"));
  }
  return tokens;
}

}  // namespace dfrot::program
