#include <algorithm>
#include <limits>
#include <stdexcept>

#include <dfrot/core/expects.hpp>

#include "command_options.hpp"
#include "linear_method.hpp"
#include "support/number_text.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"

namespace dfrot::program {

namespace {

/// "all, or some of: none, smooth, …" in lines of the help.
std::string help_of_methods() {
  std::string text = "What is compared; without it, all:\n";
  for (linear_method const& each : linear_methods()) {
    text += each.name + ": " + each.chain + " (" + each.source + ")\n";
  }
  text.pop_back();
  return text;
}

}  // namespace

void add_compare(CLI::App& app, compare_options& chosen, raw_texts& texts) {
  std::string const group = "Method";
  app.add_option("--rows", texts.rows,
                 "Tokens of one layer in place of MODEL and text, one a row; they are RMS-normalised.\nA half of them, "
                 "drawn at random, calibrates, and errors are those of the other half")
      ->type_name("X.npy")
      ->group("Input");
  app.add_option("--weight", texts.weight,
                 "The weight that reads --rows, outputs x inputs; without it, 256 x inputs normal\nnumbers")
      ->type_name("W.npy")
      ->group("Input");
  app.add_option("--methods", chosen.methods, help_of_methods())->delimiter(',')->type_name("NAME,...")->group(group);
  app.add_option(
         "--formats", texts.formats,
         "What 4 bits are: INT4 with a scale for each token and each row of a weight, or FP4 in\nblocks of 32 or "
         "16 values")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("int4|mxfp4|nvfp4,...")
      ->group(group);
  app.add_option(
         "--schemes", texts.compared_schemes,
         "Bits of weights, activations and KV cache: weights 4 or 16, the others 4, 8 or 16.\nKeys are rotated by "
         "Hadamard matrices, values not, for all methods alike")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("W-A-KV,...")
      ->group(group);
  app.add_option("--weights", texts.compared_weights,
                 "How weights are rounded behind the map: to nearest, or by GPTQ from calibration\nsequences")
      ->capture_default_str()
      ->check(CLI::IsMember({"rtn", "gptq"}).description(""))
      ->type_name("rtn|gptq")
      ->group(group);
  add_integer(app, "--group", chosen.weight_group, std::size_t{0}, std::size_t{1} << 20U,
              "Input channels of an INT4 weight that share a scale; 0: all of them")
      ->capture_default_str()
      ->group(group);
  app.add_option("--range", texts.range, "The scale of a token in INT4, as for perplexity")
      ->capture_default_str()
      ->check(CLI::IsMember({"max", "signed", "search"}).description(""))
      ->type_name("max|signed|search")
      ->group(group);
  app.add_option("--calibration-ids", texts.calibration_ids,
                 "Token ids that methods are made from; without it, the end of the text")
      ->type_name("C.npy")
      ->group(group);
  add_integer(app, "--calibration-sequences", chosen.calibration_sequences, std::size_t{1}, std::size_t{1} << 16U,
              "Sequences that methods are made from, from the end")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--sample", chosen.sample, std::size_t{1}, std::size_t{1} << 20U,
              "Of each layer's tokens: calibration tokens that maps are made from, and other ones\nthat errors are "
              "measured with")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--seed", chosen.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(),
              "Seed of everything random")
      ->capture_default_str()
      ->group(group);
}

void interpret_compare(CLI::App const& app, raw_texts const& texts, compare_options& chosen) {
  chosen.rows = path_of(app, "--rows", texts.rows);
  chosen.weight = path_of(app, "--weight", texts.weight);
  if (chosen.rows) {
    for (char const* const other : {"MODEL", "--text", "--ids", "--calibration-ids"}) {
      if (app.count(other) != 0) {
        refuse(message("--rows takes the place of ", other));
      }
    }
  } else {
    if (chosen.weight) {
      refuse("--weight goes with --rows");
    }
    if (texts.model.empty()) {
      refuse("MODEL, or --rows X.npy, is needed");
    }
    interpret_texts(app, texts, chosen);
  }
  chosen.calibration_ids = path_of(app, "--calibration-ids", texts.calibration_ids);
  chosen.formats.clear();
  for (std::string const& name : texts.formats) {
    bool found = false;
    for (number_format const each : {number_format::int4, number_format::mxfp4, number_format::nvfp4}) {
      if (name == name_of(each)) {
        chosen.formats.push_back(each);
        found = true;
      }
    }
    if (!found) {
      refuse(message("--formats: '", name, "' is none of int4, mxfp4, nvfp4"));
    }
  }
  chosen.schemes.clear();
  for (std::string const& scheme : texts.compared_schemes) {
    try {
      chosen.schemes.push_back(parse_bit_scheme(scheme));
    } catch (std::invalid_argument const& error) {
      refuse(message("--schemes: ", error.what()));
    }
    if (chosen.schemes.back().weights == 8) {
      refuse(message("--schemes: ", scheme, ": weights have 4 bits, or 16"));
    }
  }
  auto const& known = linear_methods();
  for (std::string const& name : chosen.methods) {
    if (std::none_of(known.begin(), known.end(), [&](linear_method const& each) { return each.name == name; })) {
      refuse(message("--methods: there is no '", name, "'"));
    }
  }
  chosen.range = texts.range == "max"      ? scale_range::largest
                 : texts.range == "signed" ? scale_range::signed_range
                                           : scale_range::searched;
  chosen.weights = texts.compared_weights == "gptq" ? weight_method::gptq : weight_method::nearest;
}

}  // namespace dfrot::program
