#include <algorithm>
#include <limits>
#include <stdexcept>

#include <dfrot/core/expects.hpp>

#include "command_options.hpp"
#include "support/number_text.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"

namespace dfrot::program {

void interpret_layers(std::string const& text, std::size_t& first_layer, std::size_t& last_layer) {
  if (text == "all") {
    return;
  }
  std::size_t const dash = text.find('-');
  auto const first = parse_integer<std::size_t>(text.substr(0, dash));
  auto const last = dash == std::string::npos ? first : parse_integer<std::size_t>(text.substr(dash + 1));
  if (!first || !last || *first > *last) {
    refuse(message("--layers: '", text, "' is neither all, nor a layer, nor FIRST-LAST"));
  }
  first_layer = *first;
  last_layer = *last;
}

std::set<site> interpret_sites(std::vector<std::string> const& names, std::vector<site> const& known,
                               std::string const& option) {
  std::set<site> chosen;
  for (std::string const& name : names) {
    auto const found = std::find_if(known.begin(), known.end(), [&name](site each) { return name == name_of(each); });
    if (found == known.end()) {
      std::string all;
      for (site const each : known) {
        all += (all.empty() ? "" : ", ") + std::string(name_of(each));
      }
      refuse(message(option, ": '", name, "' is none of ", all));
    }
    chosen.insert(*found);
  }
  return chosen;
}

void add_heads(CLI::App& app, raw_texts& texts, std::string const& group) {
  auto* const heads = app.add_option("--heads", texts.heads,
                                     "Rotations of heads, of dfrot-llm refine --of heads, in place of Hadamard "
                                     "matrices; where\nthe residual stream is rotated");
  heads->type_name("H.npy");
  if (!group.empty()) {
    heads->group(group);
  }
}

void add_method(CLI::App& app, perplexity_options& chosen, raw_texts& texts) {
  std::string const group = "Method";
  app.add_option(
         "--rotations", chosen.rotations,
         "Rotations of the residual stream, separated by commas. With one of them, heads and MLP\nare rotated by "
         "Hadamard matrices, too. PATH: an .npy, channels x channels. NAME-fp16, such as\nhadamard-fp16: massive "
         "tokens stay in 16 bits at the inputs of q, k, v, gate and up")
      ->delimiter(',')
      ->default_str("none,hadamard, of a quantized model none")
      ->type_name("none|orthogonal|hadamard|short|refined|paper|PATH,...")
      ->group(group);
  add_heads(app, texts, group);
  app.add_option(
         "--schemes", texts.schemes,
         "Bits of weights, activations and KV cache, each 4, 8 or 16; paper: the columns of the\npaper's table, "
         "16-16-16,4-4-16,4-4-4,4-8-16")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("W-A-KV|paper,...")
      ->group(group);
  app.add_option("--weights", texts.weights,
                 "How weights of 4 bits are found: rounded to nearest, or by GPTQ from calibration\nsequences. Their "
                 "scales are "
                 "searched")
      ->capture_default_str()
      ->check(CLI::IsMember({"rtn", "gptq"}).description(""))
      ->type_name("rtn|gptq")
      ->group(group);
  add_integer(app, "--group", chosen.weight_group, std::size_t{0}, std::size_t{1} << 20U,
              "Input channels of a weight that share a scale; 0: all of them")
      ->capture_default_str()
      ->group(group);
  app.add_option("--range", texts.range,
                 "The scale of a token of 4 bits: by its largest magnitude, by that with its sign,\n"
                 "or the best of 17 clip ratios")
      ->capture_default_str()
      ->check(CLI::IsMember({"max", "signed", "search"}).description(""))
      ->type_name("max|signed|search")
      ->group(group);
  app.add_flag("--asymmetric", chosen.asymmetric, "Activations have a zero point (keys and values always do)")
      ->group(group);
  app.add_option(
         "--compute", texts.compute,
         "How 4 bits by 4 bits are multiplied: the numbers that codes stand for, in float, or\nthe packed codes, by "
         "integer kernels. The codes are the same")
      ->capture_default_str()
      ->check(CLI::IsMember({"simulated", "codes"}).description(""))
      ->type_name("simulated|codes")
      ->group(group);
  app.add_option("--only", texts.only, "Where values are rounded; weights are where the layer's input is")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("attention|output|mlp|down|kv,...")
      ->group(group);
  app.add_option("--layers", texts.layers, "The layers that are rounded, counted from 0: 5, 3-8")
      ->capture_default_str()
      ->type_name("FIRST-LAST|all")
      ->group(group);
  app.add_option("--calibration-ids", texts.calibration_ids,
                 "Token ids to refine rotations and find weights with; without it, the end of\nthe text")
      ->type_name("C.npy")
      ->group(group);
  add_integer(app, "--calibration-sequences", chosen.calibration_sequences, std::size_t{1}, std::size_t{1} << 16U,
              "Sequences to refine rotations with, from the end")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--gptq-sequences", chosen.gptq_sequences, std::size_t{1}, std::size_t{1} << 16U,
              "Sequences to find weights with, from the end")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--per-position", chosen.position_block, std::size_t{0}, std::size_t{1} << 24U,
              "The report also has mean loss and KL by position, for blocks of this many; 0: not")
      ->capture_default_str()
      ->group("Output");
  add_integer(app, "--seed", chosen.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(),
              "Seed of everything random")
      ->capture_default_str()
      ->group(group);
}

void interpret_method(CLI::App const& app, raw_texts const& texts, perplexity_options& chosen) {
  chosen.calibration_ids = path_of(app, "--calibration-ids", texts.calibration_ids);
  chosen.heads = path_of(app, "--heads", texts.heads);
  chosen.schemes.clear();
  for (std::string const& scheme : texts.schemes) {
    if (scheme == "paper") {
      chosen.schemes.insert(chosen.schemes.end(), {{16, 16, 16}, {4, 4, 16}, {4, 4, 4}, {4, 8, 16}});
      continue;
    }
    try {
      chosen.schemes.push_back(parse_bit_scheme(scheme));
    } catch (std::invalid_argument const& error) {
      refuse(message("--schemes: ", error.what()));
    }
  }
  if (std::find(chosen.rotations.begin(), chosen.rotations.end(), "") != chosen.rotations.end()) {
    refuse("--rotations: a name is empty");
  }
  chosen.range = texts.range == "max"      ? scale_range::largest
                 : texts.range == "signed" ? scale_range::signed_range
                                           : scale_range::searched;
  chosen.weights = texts.weights == "gptq" ? weight_method::gptq : weight_method::nearest;
  if (chosen.asymmetric && chosen.range == scale_range::signed_range) {
    refuse("--asymmetric: a zero point leaves --range signed nothing to choose");
  }
  chosen.where.sites =
      interpret_sites(texts.only, {site::attention, site::output, site::mlp, site::down, site::kv}, "--only");
  interpret_layers(texts.layers, chosen.where.first_layer, chosen.where.last_layer);
  if (chosen.position_block != 0 && app.count("--report") == 0) {
    refuse("--per-position goes with --report, which holds what it asks for");
  }
  chosen.where.product = texts.compute == "codes" ? code_product::integers : code_product::floats;
}

}  // namespace dfrot::program
