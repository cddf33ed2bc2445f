#include <limits>

#include <dfrot/core/expects.hpp>

#include "command_options.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"

namespace dfrot::program {

void add_export(CLI::App& app, export_options& chosen, raw_texts& texts) {
  app.add_option("MODEL", texts.model, "A GGUF file, or a folder of config.json and safetensors")->required();
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
  add_integer(app, "--seed", chosen.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(),
              "Seed of a random rotation")
      ->capture_default_str();
  app.add_option("--type", texts.type, "The numbers that are written")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}).description(""))
      ->type_name("float32|float16|bfloat16");
  add_integer(app, "--file-size", chosen.most_bytes, std::uint64_t{1} << 20U, std::uint64_t{1} << 50U,
              "Bytes of a file, at most; a larger model is several. Of a folder")
      ->capture_default_str();
  add_integer(app, "--threads", chosen.threads, 1, 4096, "Threads; the result does not depend on them")
      ->capture_default_str();
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

}  // namespace

export_type export_type_of(std::string const& name) {
  return name == "float32" ? export_type::float32 : name == "float16" ? export_type::float16 : export_type::bfloat16;
}

void interpret_export(CLI::App const& app, raw_texts const& texts, export_options& chosen) {
  if (texts.model.empty()) {
    refuse("MODEL: the name is empty");
  }
  chosen.model = texts.model;
  chosen.output = *path_of(app, "--output", texts.output);
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
  chosen.type = export_type_of(texts.type);
  interpret_format(app, texts, chosen);
}

}  // namespace dfrot::program
