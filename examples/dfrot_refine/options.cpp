#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

namespace dfrot::program {

namespace {

constexpr char const* description =
    "Finds a rotation that makes activations easy to quantize to 4 bits.\n"
    "Reads activations (tokens x channels), refines a randomized Hadamard rotation R for them by\n"
    "alternating quantization and orthogonal Procrustes, and writes R (channels x channels): use x R\n"
    "instead of x, and W R instead of a weight W (out x in). Massive tokens weigh more than ordinary ones.\n";

constexpr char const* examples =
    "Examples:\n"
    "  dfrot-refine --output R.npy\n"
    "      the built-in sample: 8192 tokens x 1024 channels, 16 of the tokens massive\n"
    "  dfrot-refine --input hidden.npy --rms-norm --output R.npy --report report.json --plot plot.svg\n"
    "      hidden states before RMSNorm, a rotation, the figures and a picture\n"
    "  dfrot-refine --input X.npy --output R.npy --holdout 0.2 --clip search --rounds 100 --threads 8\n"
    "      a fifth of the tokens kept aside to judge the result on; each token's scale searched\n"
    "\n"
    "Exit codes: 0 done, 2 wrong usage, 3 bad input or unwritable output,\n"
    "130 interrupted with Ctrl-C (the best rotation so far is written; a second Ctrl-C stops at once).\n";

/// Texts that are parsed further after CLI11 has read them.
struct raw_texts {
  std::string input;
  std::string output;
  std::string start_output;
  std::string report;
  std::string plot;
  std::string csv;
  std::string rotation = "hadamard";
  std::string massive = "auto";
  std::string clip = "1.0";
  bool asymmetric = false;
};

/// A mistake in the usage that CLI11 does not see itself.
[[noreturn]] void refuse(std::string const& text) { throw CLI::ValidationError(text); }

double number(std::string const& option, std::string const& text, char const* alternatives) {
  char* end = nullptr;
  double const value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value)) {
    refuse(message(option, ": '", text, "' is neither ", alternatives, " nor a number"));
  }
  return value;
}

void add_options(CLI::App& app, options& chosen, raw_texts& texts) {
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag(
      "--version", message("dfrot-refine ", DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH),
      "Print the version and exit");
  std::string const files = "Files";
  app.add_option("-i,--input", texts.input,
                 "Activations, tokens x channels, float16, float32 or float64;\nwithout it a built-in sample is made")
      ->type_name("X.npy")
      ->group(files);
  app.add_option("-o,--output", texts.output, "Where the refined rotation goes (float32, x R rotates)")
      ->required()
      ->type_name("R.npy")
      ->group(files);
  app.add_option("--start-output", texts.start_output, "Where the dense start rotation goes")
      ->type_name("S.npy")
      ->group(files);
  app.add_option("--report", texts.report, "Where the figures go, as JSON")->type_name("report.json")->group(files);
  app.add_option("--plot", texts.plot, "Where a picture goes: error per token before and after, loss per round")
      ->type_name("plot.svg")
      ->group(files);
  app.add_option("--csv", texts.csv, "Where the error of every token goes")->type_name("tokens.csv")->group(files);

  std::string const method = "Method";
  app.add_flag("--rms-norm", chosen.rms_norm, "Divide each row by sqrt(mean(x^2) + 1e-6) first")->group(method);
  app.add_option("--rotation", texts.rotation, "What the refinement starts from; PATH: an .npy, channels x channels")
      ->capture_default_str()
      ->type_name("hadamard|orthogonal|PATH")
      ->group(method);
  app.add_option("--rounds", chosen.rounds, "Rounds of the alternation")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->group(method);
  app.add_option("--alpha", chosen.alpha, "Weight of a massive token; 50 to 200 is good")
      ->capture_default_str()
      ->group(method);
  app.add_option("--massive", texts.massive,
                 "Which tokens are massive: found automatically, by comparison with\na random orthogonal rotation, or "
                 "those with an unrotated error\n||x - Q(x)|| below VALUE")
      ->capture_default_str()
      ->type_name("auto|compare|VALUE")
      ->group(method);
  app.add_option("--holdout", chosen.holdout, "Share of the rows, chosen at random, to judge on, not to refine with")
      ->capture_default_str()
      ->type_name("FRACTION")
      ->group(method);
  app.add_option("--seed", chosen.seed, "Seed of everything random")->capture_default_str()->group(method);
  app.add_option("--threads", chosen.threads, "Threads; the result does not depend on them")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096).description(""))
      ->group(method);

  std::string const quantizer = "Quantizer";
  app.add_option("--bits", chosen.bits, "Bits of a code; 4 is supported")->capture_default_str()->group(quantizer);
  app.add_flag("--asymmetric", texts.asymmetric, "Codes 0 to 15 with a zero point, instead of -8 to 7")
      ->group(quantizer);
  app.add_option("--clip", texts.clip, "Share of the largest value that the scale covers, or the best\nfor each token")
      ->capture_default_str()
      ->type_name("RATIO|search")
      ->group(quantizer);
}

std::optional<std::filesystem::path> path_of(CLI::App const& app, std::string const& option, std::string const& text) {
  if (app.count(option) == 0) {
    return std::nullopt;
  }
  if (text.empty()) {
    refuse(message(option, ": the name is empty"));
  }
  return std::filesystem::path(text);
}

bool same_file(std::filesystem::path const& a, std::filesystem::path const& b) {
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error)) {
    return true;
  }
  return std::filesystem::weakly_canonical(a, error) == std::filesystem::weakly_canonical(b, error);
}

/// Nothing that is read may be overwritten, and no two outputs may meet.
void check_paths(options const& chosen) {
  std::vector<std::pair<char const*, std::filesystem::path>> outputs = {{"--output", chosen.output}};
  auto const add = [&outputs](char const* option, std::optional<std::filesystem::path> const& path) {
    if (path) {
      outputs.emplace_back(option, *path);
    }
  };
  add("--start-output", chosen.start_output);
  add("--report", chosen.report);
  add("--plot", chosen.plot);
  add("--csv", chosen.csv);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    auto const& [option, path] = outputs[i];
    if (chosen.input && same_file(path, *chosen.input)) {
      refuse(message(option, " names the input, which would be overwritten: ", path.string()));
    }
    if (chosen.start == start_rotation::file && same_file(path, chosen.start_file)) {
      refuse(message(option, " names the file of --rotation, which would be overwritten: ", path.string()));
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (same_file(path, outputs[k].second)) {
        refuse(message(outputs[k].first, " and ", option, " name the same file: ", path.string()));
      }
    }
  }
}

void interpret(CLI::App const& app, raw_texts const& texts, options& chosen) {
  chosen.input = path_of(app, "--input", texts.input);
  chosen.output = *path_of(app, "--output", texts.output);
  chosen.start_output = path_of(app, "--start-output", texts.start_output);
  chosen.report = path_of(app, "--report", texts.report);
  chosen.plot = path_of(app, "--plot", texts.plot);
  chosen.csv = path_of(app, "--csv", texts.csv);
  if (texts.rotation == "orthogonal") {
    chosen.start = start_rotation::orthogonal;
  } else if (texts.rotation != "hadamard") {
    chosen.start = start_rotation::file;
    chosen.start_file = texts.rotation;
  }
  if (texts.massive == "compare") {
    chosen.massive = massive_rule::compare;
  } else if (texts.massive != "auto") {
    chosen.massive = massive_rule::threshold;
    chosen.massive_threshold = number("--massive", texts.massive, "auto nor compare");
  }
  chosen.scheme.symmetric = !texts.asymmetric;
  if (texts.clip == "search") {
    chosen.scheme.scale = scale_rule::search;
  } else {
    chosen.scheme.clip = static_cast<float>(number("--clip", texts.clip, "search"));
  }
  if (chosen.massive == massive_rule::threshold && !(chosen.massive_threshold > 0)) {
    refuse("--massive: the error must be above 0");
  }
  if (!(chosen.scheme.clip > 0 && chosen.scheme.clip <= 1)) {
    refuse("--clip: the ratio must be above 0 and at most 1");
  }
  if (!(chosen.alpha > 0 && std::isfinite(chosen.alpha))) {
    refuse("--alpha: the weight must be above 0 and finite");
  }
  if (!(chosen.holdout >= 0 && chosen.holdout < 1)) {
    refuse("--holdout: the share must be at least 0 and below 1");
  }
  if (app.count("--seed") != 0 && app["--seed"]->as<std::string>().find('-') != std::string::npos) {
    refuse("--seed: the number must not be negative");
  }
  check_paths(chosen);
}

}  // namespace

std::variant<options, int> parse_options(int argument_count, char** arguments) {
  options chosen;
  raw_texts texts;
  chosen.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  CLI::App app(description, "dfrot-refine");
  app.footer(examples);
  app.get_formatter()->column_width(42);
  add_options(app, chosen, texts);
  try {
    app.parse(argument_count, arguments);
    interpret(app, texts, chosen);
  } catch (CLI::Success const& finished) {  // --help, --version
    return app.exit(finished);
  } catch (CLI::ParseError const& error) {
    std::fprintf(stderr, "dfrot-refine: %s (dfrot-refine --help lists the options)\n", error.what());
    return int{wrong_usage};
  }
  return chosen;
}

}  // namespace dfrot::program
