#include "text_request.hpp"

#include <system_error>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/io_error.hpp>

#include "gguf_vocabulary.hpp"
#include "token_ids.hpp"
#include "tokenizer.hpp"
#include "tokenizer_json.hpp"

namespace dfrot::program {

namespace {

/// The tokenizer of a model. What is wrong with its vocabulary is said of its file.
tokenizer tokenizer_of(std::filesystem::path const& model) {
  std::error_code error;
  bool const is_folder = std::filesystem::is_directory(model, error);
  std::string const name = (is_folder ? model / "tokenizer.json" : model).string();
  try {
    return tokenizer(is_folder ? read_tokenizer_json(name) : vocabulary_of(gguf_file(name).metadata()));
  } catch (io_error const& wrong) {
    std::string const said = wrong.what();
    throw io_error(said.find(name) != std::string::npos ? said : message(name, ": ", said));
  }
}

}  // namespace

std::vector<std::int32_t> ids_of(text_request const& request) {
  if (request.ids) {
    return read_token_ids(*request.ids);
  }
  return tokenizer_of(request.model).encode(read_text(*request.text));
}

namespace {

batch fitting(model_source const& source, std::vector<token_sequence> sequences) {
  batch tokens(std::move(sequences));
  std::size_t const most = source.config().context;
  if (most != 0 && tokens.longest() > most) {
    throw io_error(message(source.name(), ": the model attends to ", most, " tokens, but sequences have ",
                           tokens.longest(), ": choose a smaller --context"));
  }
  return tokens;
}

}  // namespace

batch sequences_of(text_request const& request, model_source const& source, std::vector<std::int32_t> const& ids) {
  return fitting(source, first_sequences(ids, request.sequences, source.config().vocabulary, request.text_name()));
}

batch calibration_of(text_request const& request, std::size_t count, model_source const& source,
                     std::vector<std::int32_t> const& ids, std::string const& name) {
  sequence_options cut = request.sequences;
  cut.count = count;
  cut.stride = 0;
  return fitting(source, last_sequences(ids, cut, source.config().vocabulary, name));
}

}  // namespace dfrot::program
