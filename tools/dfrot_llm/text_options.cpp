#include <CLI/CLI.hpp>
#include <string>

#include <dfrot/core/expects.hpp>

#include "command_options.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"

namespace dfrot::program {

void add_text(CLI::App& app, text_request& chosen, raw_texts& texts) {
  std::string const group = "Input";
  app.add_option("MODEL", texts.model, "A GGUF file, or a folder of config.json and safetensors")->required();
  auto* const text = app.add_option("--text", texts.text, "Text, UTF-8")->type_name("FILE")->group(group);
  app.add_option("--ids", texts.ids, "Token ids instead of a text, one dimension, int32 or int64")
      ->type_name("IDS.npy")
      ->excludes(text)
      ->group(group);
  add_integer(app, "--context", chosen.sequences.context, std::size_t{2}, std::size_t{1} << 24U, "Tokens of a sequence")
      ->capture_default_str()
      ->group(group);
  app.add_option("--bos", texts.bos, "The token that every sequence begins with")
      ->capture_default_str()
      ->type_name("ID|none")
      ->group(group);
  add_integer(app, "--threads", chosen.threads, 1, 4096, "Threads; the result does not depend on them")
      ->capture_default_str()
      ->group(group);
}

void interpret_texts(CLI::App const& app, raw_texts const& texts, text_request& chosen, bool needed) {
  if (texts.model.empty()) {
    refuse("MODEL: the name is empty");
  }
  chosen.model = texts.model;
  chosen.text = path_of(app, "--text", texts.text);
  chosen.ids = path_of(app, "--ids", texts.ids);
  if (needed && !chosen.text && !chosen.ids) {
    refuse("a text is needed: --text FILE, or --ids IDS.npy");
  }
  auto const bos = parse_bos(texts.bos);
  if (!bos) {
    refuse(message("--bos: '", texts.bos, "' is neither none nor a token id"));
  }
  chosen.sequences.bos = *bos;
  if (std::string const mistake = mistake_in(chosen.sequences); !mistake.empty()) {
    refuse(mistake);
  }
}

void add_input(CLI::App& app, text_request& chosen, raw_texts& texts, std::string const& which) {
  std::string const group = "Input";
  add_text(app, chosen, texts);
  add_integer(app, "--sequences", chosen.sequences.count, std::size_t{0}, std::size_t{1} << 24U, which)
      ->capture_default_str()
      ->group(group);
}

}  // namespace dfrot::program
