#include <CLI/CLI.hpp>
#include <limits>
#include <stdexcept>

#include <dfrot/core/expects.hpp>

#include "command_options.hpp"
#include "support/number_text.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"

namespace dfrot::program {

namespace {

void add_weights(CLI::App& app, quantize_options& chosen, raw_texts& texts) {
  std::string const group = "Method";
  app.add_option("--rotation", chosen.rotation,
                 "The rotation of the residual stream. With one, values of heads are rotated by\nHadamard matrices, "
                 "too. PATH: an .npy, channels x channels")
      ->capture_default_str()
      ->type_name("none|orthogonal|hadamard|short|refined|paper|PATH")
      ->group(group);
  add_heads(app, texts, group);
  app.add_option("--down-hadamard", texts.down_hadamard,
                 "A Hadamard matrix that has to be computed before down: of its whole width, or of\nblocks of so many "
                 "channels. Without it, full for --format dfrot and a rotation,\nelse none")
      ->type_name("none|full|BLOCK")
      ->group(group);
  app.add_option("--weights", texts.weights,
                 "How weights are found: rounded to nearest, or by GPTQ, which takes a text")
      ->capture_default_str()
      ->check(CLI::IsMember({"rtn", "gptq"}).description(""))
      ->type_name("rtn|gptq")
      ->group(group);
  app.add_option("--group", chosen.weight_group, "Input channels of a weight that share a scale; 0: all of them")
      ->capture_default_str()
      ->check(CLI::IsMember({0, 32, 64, 128}).description(""))
      ->type_name("0|32|64|128")
      ->group(group);
  app.add_option("--scale-type", texts.type, "The numbers of scales, embedding, head and biases")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}).description(""))
      ->type_name("float32|float16|bfloat16")
      ->group(group);
  app.add_option("--scheme", texts.scheme,
                 "Bits of weights, 4, and those of activations and KV cache that the model is for,\nwhich config.json "
                 "says to who runs it")
      ->capture_default_str()
      ->type_name("4-A-KV")
      ->group(group);
  add_integer(app, "--gptq-sequences", chosen.gptq_sequences, std::size_t{1}, std::size_t{1} << 16U,
              "Sequences to find weights with, from the end of the text")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--calibration-sequences", chosen.calibration_sequences, std::size_t{1}, std::size_t{1} << 16U,
              "Sequences to fit the rotations short, refined and paper to, from the end")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--seed", chosen.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(),
              "Seed of everything random")
      ->capture_default_str()
      ->group(group);
}

void interpret_down_hadamard(CLI::App const& app, raw_texts const& texts, quantize_options& chosen) {
  std::string const& text = texts.down_hadamard;
  if (app.count("--down-hadamard") == 0) {
    bool const whole = chosen.format == quantized_format::dfrot && chosen.rotation != "none";
    chosen.mlp_block = whole ? whole_width : 0;
  } else if (text == "full") {
    chosen.mlp_block = whole_width;
  } else if (text != "none") {
    auto const block = parse_integer<std::size_t>(text);
    if (!block || *block < 2 || *block > std::size_t{1} << 24U) {
      refuse(message("--down-hadamard: '", text, "' is neither none nor full, nor a number of channels"));
    }
    chosen.mlp_block = *block;
  }
}

void interpret_bits(raw_texts const& texts, quantize_options& chosen) {
  try {
    chosen.bits = parse_bit_scheme(texts.scheme);
  } catch (std::invalid_argument const& error) {
    refuse(message("--scheme: ", error.what()));
  }
  if (chosen.bits.weights != 4) {
    refuse(message("--scheme: weights of ", chosen.bits.weights,
                   " bits; they have 4 in a quantized model: export others"));
  }
}

}  // namespace

void add_quantize(CLI::App& app, quantize_options& chosen, raw_texts& texts) {
  add_text(app, chosen, texts);
  add_weights(app, chosen, texts);
  std::string const group = "Output";
  app.add_option(
         "-o,--output", texts.output,
         "Folder that the files go to, one a layer. A run that finds files of the same model,\ntext and options "
         "goes on after them")
      ->type_name("FOLDER")
      ->required()
      ->group(group);
  app.add_option("--format", texts.format,
                 "Whether other programs run it, or, since they lack its rotations, dfrot-llm alone.\nWithout it, "
                 "compressed-tensors")
      ->check(CLI::IsMember({"compressed-tensors", "dfrot"}).description(""))
      ->type_name("compressed-tensors|dfrot")
      ->group(group);
  app.add_flag("--dry-run", chosen.dry_run, "Say what memory, time and files it takes, and write nothing")
      ->group(group);
}

void interpret_quantize(CLI::App const& app, raw_texts const& texts, quantize_options& chosen) {
  chosen.format = texts.format == "dfrot" ? quantized_format::dfrot : quantized_format::compressed_tensors;
  chosen.weights = texts.weights == "gptq" ? weight_method::gptq : weight_method::nearest;
  chosen.type = export_type_of(texts.type);
  if (chosen.rotation.empty()) {
    refuse("--rotation: the name is empty");
  }
  interpret_texts(app, texts, chosen, chosen.reads_text());
  if (!chosen.reads_text() && (chosen.text || chosen.ids)) {
    refuse("--text and --ids: nothing reads them; --weights gptq and the rotations short, refined and paper do");
  }
  interpret_bits(texts, chosen);
  interpret_down_hadamard(app, texts, chosen);
  chosen.folder = *path_of(app, "--output", texts.output);
  chosen.heads = path_of(app, "--heads", texts.heads);
  if (chosen.heads && chosen.rotation == "none") {
    refuse("--heads: with --rotation none heads stay as they are, too");
  }
  if (same_file(chosen.folder, chosen.model)) {
    refuse(message("--output names the model itself, which would be overwritten: ", chosen.folder.string()));
  }
}

}  // namespace dfrot::program
