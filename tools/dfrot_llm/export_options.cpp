#include <limits>

#include <dfrot/core/expects.hpp>

#include "command_options.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"

namespace dfrot::program {

namespace {

/// What --type q4_0 takes.
void add_codes(CLI::App& app, raw_texts& texts) {
  std::string const group = "Weights in 4 bits (--type q4_0)";
  app.add_option("--weights", texts.weights, "How they are found: rounded to nearest, or by GPTQ from a text")
      ->capture_default_str()
      ->check(CLI::IsMember({"rtn", "gptq"}).description(""))
      ->type_name("rtn|gptq")
      ->group(group);
  app.add_option("--range", texts.code_range,
                 "Their scales: by the largest magnitude, by that with its sign, or the best clip\nratio of both")
      ->capture_default_str()
      ->check(CLI::IsMember({"max", "signed", "search"}).description(""))
      ->type_name("max|signed|search")
      ->group(group);
  add_integer(app, "--group", texts.code_group, std::size_t{0}, std::size_t{1} << 20U,
              "Input channels of a weight that share a scale: Q4_0 has 32")
      ->capture_default_str()
      ->group(group);
  app.add_option("--down-hadamard", texts.down_hadamard,
                 "A rotation before down that is computed while the model runs: no exported file\nsays one")
      ->capture_default_str()
      ->type_name("none")
      ->group(group);
}

}  // namespace

void add_export(CLI::App& app, export_options& chosen, raw_texts& texts) {
  app.add_option("-o,--output", texts.output, "Folder that model.safetensors and config.json go to, or FILE.gguf")
      ->type_name("FOLDER|FILE.gguf")
      ->required();
  app.add_option("--format", texts.format, "What is written; without it, the output's name says it")
      ->check(CLI::IsMember({"folder", "gguf"}).description(""))
      ->type_name("folder|gguf");
  app.add_option(
         "--rotation", chosen.rotation,
         "The rotation of the residual stream. With one, values of heads are rotated by\nHadamard matrices, too. "
         "PATH: an .npy of dfrot-refine, channels x channels")
      ->capture_default_str()
      ->type_name("none|orthogonal|hadamard|PATH");
  add_heads(app, texts, "");
  add_integer(app, "--seed", chosen.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(),
              "Seed of a random rotation")
      ->capture_default_str();
  app.add_option("--type", texts.type, "The numbers that are written")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "float16", "bfloat16", "q4_0"}).description(""))
      ->type_name("float32|float16|bfloat16|q4_0");
  add_integer(app, "--file-size", chosen.most_bytes, std::uint64_t{1} << 20U, std::uint64_t{1} << 50U,
              "Bytes of a file, at most; a larger model is several. Of a folder")
      ->capture_default_str();
  add_codes(app, texts);
  add_input(app, chosen, texts, "Sequences from the end of the text that --weights gptq finds weights with");
}

namespace {

/// A GGUF file's name ends so: then it is none of those that a model's folder is read from.
bool names_gguf(std::filesystem::path const& path) { return path.extension() == ".gguf"; }

void interpret_format(CLI::App const& app, raw_texts const& texts, export_options& chosen) {
  bool const is_gguf = texts.format.empty() ? names_gguf(chosen.output) : texts.format == "gguf";
  if (is_gguf && !names_gguf(chosen.output)) {
    refuse(message("--output: ", chosen.output.string(), " does not end in .gguf, as the name of a GGUF file has to"));
  }
  if (is_gguf && app.count("--file-size") != 0) {
    refuse("--file-size: a GGUF file is one; several are for --format folder");
  }
  chosen.format = is_gguf ? export_format::gguf : export_format::folder;
}

void interpret_codes(CLI::App const& app, raw_texts const& texts, export_options& chosen) {
  bool const is_q4_0 = chosen.type == export_type::q4_0;
  if (is_q4_0 && chosen.format != export_format::gguf) {
    refuse("--type q4_0: a block of GGUF files, which a folder does not hold: --format gguf, or dfrot-llm quantize");
  }
  for (char const* const option : {"--weights", "--range", "--group"}) {
    if (!is_q4_0 && app.count(option) != 0) {
      refuse(message(option, ": only --type q4_0 rounds weights"));
    }
  }
  if (texts.code_group != 32) {
    refuse(message("--group: ", texts.code_group,
                   "; Q4_0 has a scale for 32 channels, no other number: leave it out, or dfrot-llm quantize"));
  }
  chosen.range = texts.code_range == "max"      ? scale_range::largest
                 : texts.code_range == "signed" ? scale_range::signed_range
                                                : scale_range::searched_signed;
  chosen.weights = texts.weights == "gptq" ? weight_method::gptq : weight_method::nearest;
  if (chosen.weights == weight_method::gptq) {
    interpret_texts(app, texts, chosen);
    if (chosen.sequences.count == 0) {
      refuse("--sequences: 0; GPTQ takes at least one");
    }
  } else if (app.count("--text") + app.count("--ids") != 0) {
    refuse("a text is for --weights gptq");
  }
}

}  // namespace

export_type export_type_of(std::string const& name) {
  return name == "float32"    ? export_type::float32
         : name == "float16"  ? export_type::float16
         : name == "bfloat16" ? export_type::bfloat16
                              : export_type::q4_0;
}

void interpret_export(CLI::App const& app, raw_texts const& texts, export_options& chosen) {
  if (texts.model.empty()) {
    refuse("MODEL: the name is empty");
  }
  chosen.model = texts.model;
  chosen.output = *path_of(app, "--output", texts.output);
  chosen.heads = path_of(app, "--heads", texts.heads);
  if (same_file(chosen.output, chosen.model)) {
    refuse(message("--output names the model itself, which would be overwritten: ", chosen.output.string()));
  }
  if (is_fitted(chosen.rotation)) {
    refuse(message("--rotation: ", chosen.rotation,
                   " takes a text: make it with dfrot-llm refine, and name the file that it writes"));
  }
  if (chosen.rotation.empty()) {
    refuse("--rotation: the name is empty");
  }
  if (chosen.heads && chosen.rotation == "none") {
    refuse("--heads: with --rotation none heads stay as they are, too");
  }
  if (app.count("--down-hadamard") != 0 && texts.down_hadamard != "none") {
    refuse(
        "--down-hadamard: a rotation that is computed while the model runs cannot be said in these files: leave it out "
        "(the residual stream's and the heads' are in the weights), or dfrot-llm quantize, whose folders can say it");
  }
  chosen.type = export_type_of(texts.type);
  interpret_format(app, texts, chosen);
  interpret_codes(app, texts, chosen);
}

}  // namespace dfrot::program
