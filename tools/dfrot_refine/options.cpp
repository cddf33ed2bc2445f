#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

#include "support/massive_option.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"
#include "support/processors.hpp"
#include "support/standard_output.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

constexpr char const* description =
    "Finds a rotation that makes activations easy to quantize to 4 bits.\n"
    "Reads activations (tokens x channels), refines a randomized Hadamard rotation R for them by\n"
    "alternating quantization and orthogonal Procrustes, and writes R (channels x channels): use x R\n"
    "instead of x, and W R instead of a weight W (out x in). The full method turns all directions, massive\n"
    "tokens weighing more, in minutes; the short one the few of the massive tokens alone, in seconds.\n";

constexpr char const* examples =
    "Examples:\n"
    "  dfrot-refine --output R.npy\n"
    "      the built-in sample: 8192 tokens x 1024 channels, 16 of the tokens massive\n"
    "  dfrot-refine --input hidden.npy --rms-norm --output R.npy --report report.json --plot plot.svg\n"
    "      hidden states before RMSNorm, a rotation, the figures and a picture\n"
    "  dfrot-refine --input X.npy --output R.npy --method short --short-output R.short\n"
    "      massive tokens alone: a rotation that is applied online nearly as fast as the Hadamard\n"
    "  dfrot-refine --input X.npy --output R.npy --holdout 0.2 --scale search --starts 5\n"
    "      a fifth of the tokens decides which round and which start is kept;\n"
    "      each token's scale searched\n"
    "  dfrot-refine --input a.npy --input b.npy --output R.npy --checkpoint c.safetensors\n"
    "      two files, which may be larger than memory; after a crash the same line with --resume goes on\n"
    "  dfrot-refine --input X.npy --output R.npy --device cuda\n"
    "      the rounds on an NVIDIA device, where the program was built for one\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad input or unwritable output, 4 no device to use,\n"
    "130 interrupted with Ctrl-C, 143 by SIGTERM, 129 by SIGHUP (the best rotation so far is written; a\n"
    "second signal stops at once).\n";

/// Texts that are parsed further after CLI11 has read them.
struct raw_texts {
  std::vector<std::string> inputs;
  std::string output;
  std::string short_output;
  std::string start_output;
  std::string report;
  std::string plot;
  std::string csv;
  std::string log;
  std::string checkpoint;
  std::string method = "full";
  std::string device = "cpu";
  std::string rotation = "hadamard";
  std::string massive = "auto";
  std::string scale = "max";
  double clip = 1;
  bool asymmetric = false;
};

void add_files(CLI::App& app, options& chosen, raw_texts& texts) {
  std::string const group = "Files";
  auto const add = [&](char const* names, std::string& text, char const* explanation, char const* type) {
    return app.add_option(names, text, explanation)->type_name(type)->group(group);
  };
  app.add_option("-i,--input", texts.inputs,
                 "Activations, tokens x channels, float16, float32 or float64; given\nseveral times, the files follow "
                 "one another. They are read in blocks.\nWithout it a built-in sample is made")
      ->type_name("X.npy")
      ->take_all()
      ->expected(1)
      ->group(group);
  app.add_flag("--bfloat16", chosen.bfloat16,
               "16-bit items for which numpy has no type (<V2, as ml_dtypes saves\nbfloat16, or <u2) are bfloat16")
      ->group(group);
  add("-o,--output", texts.output, "Where the refined rotation goes (float32, x R rotates)", "R.npy")->required();
  add("--short-output", texts.short_output, "Where a short rotation goes in its compact form", "FILE");
  add("--start-output", texts.start_output, "Where the dense start rotation goes", "S.npy");
  add("--report", texts.report, "Where the figures go, as JSON", "report.json");
  add("--plot", texts.plot, "Where a picture goes: error per token before and after, loss per round", "plot.svg");
  add("--csv", texts.csv, "Where the error of every token goes", "tokens.csv");
  add("--log", texts.log, "Where one line of JSON goes after every round", "log.jsonl");
  add("--checkpoint", texts.checkpoint, "Where the full method keeps its state, after every round", "FILE");
  app.add_flag("--resume", chosen.resume,
               "Go on from the checkpoint, to the same result byte for byte; without\none, "
               "start. The input and the options must be the same")
      ->group(group);
}

void add_method(CLI::App& app, options& chosen, raw_texts& texts) {
  std::string const group = "Method";
  refine_options& refinement = chosen.refinement;
  app.add_option("--method", texts.method,
                 "What is refined: all channels, or a rotation of a few directions after\nthe Hadamard")
      ->capture_default_str()
      ->check(CLI::IsMember({"short", "full"}).description(""))
      ->type_name("full|short")
      ->group(group);
  app.add_option("--device", texts.device,
                 "Where the rounds of the full method run: on the processor, or on an\nNVIDIA device; all else runs on "
                 "the processor")
      ->capture_default_str()
      ->check(CLI::IsMember({"cpu", "cuda"}).description(""))
      ->type_name("cpu|cuda")
      ->group(group);
  app.add_flag("--rms-norm", chosen.rms_norm, "Divide each row by sqrt(mean(x^2) + 1e-6) first")->group(group);
  app.add_option("--rotation", texts.rotation,
                 "What the full refinement starts from; PATH: an .npy, channels x channels")
      ->capture_default_str()
      ->type_name("hadamard|orthogonal|PATH")
      ->group(group);
  add_integer(app, "--starts", chosen.starts, 1, 4096,
              "Seeds to try: the Hadamard with the least error is the start, judged on\nthe held-out rows, or on all")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--rounds", refinement.rounds, 0, 1'000'000, "Rounds of the alternation at most")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--patience", refinement.patience, 0, 1'000'000,
              "Stop the full refinement after this many rounds without improvement;\n0: never")
      ->capture_default_str()
      ->group(group);
  add_real(app, "--momentum", refinement.momentum,
           "How far a round of the full refinement continues in the direction of the\nlast, 0 to below 1; the "
           "paper's method is 0")
      ->default_str(message(recommended_momentum(scale_rule::max), ", or ", recommended_momentum(scale_rule::search),
                            " with --scale search"))
      ->group(group);
  add_real(app, "--target-clip", refinement.target_clip,
           "Range of the targets of ordinary tokens in the full refinement, as a share\nof their own; the "
           "paper's method is 1")
      ->capture_default_str()
      ->type_name("RATIO")
      ->group(group);
  add_real(
      app, "--first-share", refinement.first_share,
      "Share of the ordinary tokens that the first rounds of the full refinement\nuse, in blocks of 1024; 1/8 takes "
      "an eighth of their time")
      ->capture_default_str()
      ->type_name("FRACTION")
      ->group(group);
  add_integer(app, "--first-rounds", refinement.first_rounds, 0, 1'000'000,
              "Rounds with --first-share at most; --patience ends them, too")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--block", refinement.block, std::size_t{0}, std::size_t{1} << 20u,
              "Channels of a block that the full refinement turns; 0: all together")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--shared-block", refinement.shared_block, "One rotation serves all blocks")->group(group);
  add_integer(app, "--prototypes", chosen.prototypes, std::size_t{0}, std::size_t{64},
              "Clusters of massive tokens for the short method, each with its mean;\n0: as many as the tokens form")
      ->capture_default_str()
      ->group(group);
  add_real(app, "--alpha", refinement.alpha, "Weight of a massive token; 50 to 200 is good")
      ->capture_default_str()
      ->group(group);
  app.add_option("--massive", texts.massive,
                 "Which tokens are massive: found automatically, by comparison with\na random orthogonal rotation, or "
                 "those with an unrotated error\n||x - Q(x)|| below VALUE")
      ->capture_default_str()
      ->type_name("auto|compare|VALUE")
      ->group(group);
  add_real(app, "--holdout", chosen.holdout,
           "Share of the rows, chosen at random, that decides which round is kept,\nand is not refined with")
      ->capture_default_str()
      ->type_name("FRACTION")
      ->group(group);
  add_integer(app, "--seed", chosen.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(),
              "Seed of everything random")
      ->capture_default_str()
      ->group(group);
  add_integer(app, "--threads", chosen.threads, 1, 4096,
              "Threads, no more than there are processors;\nthe result does not depend on them")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--dry-run", chosen.dry_run, "Say what would be done, and what memory and time it takes")->group(group);
}

void add_options(CLI::App& app, options& chosen, raw_texts& texts) {
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag(
      "--version", message("dfrot-refine ", DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH),
      "Print the version and exit");
  add_files(app, chosen, texts);
  add_method(app, chosen, texts);
  std::string const quantizer = "Quantizer";
  add_integer(app, "--bits", chosen.bits, 1, 64, "Bits of a code; 4 is supported")
      ->capture_default_str()
      ->group(quantizer);
  app.add_flag("--asymmetric", texts.asymmetric, "Codes 0 to 15 with a zero point, instead of -8 to 7")
      ->group(quantizer);
  app.add_option("--scale", texts.scale, "Each token's scale: from its largest value, or the best of 17")
      ->capture_default_str()
      ->check(CLI::IsMember({"max", "search"}).description(""))
      ->type_name("max|search")
      ->group(quantizer);
  add_real(app, "--clip", texts.clip, "Share of the largest value that the scale covers")
      ->capture_default_str()
      ->type_name("RATIO")
      ->group(quantizer);
}

/// Nothing that is read may be overwritten, and no two outputs may meet.
void check_paths(options const& chosen) {
  std::vector<std::pair<char const*, std::filesystem::path>> outputs = {{"--output", chosen.output}};
  auto const add = [&outputs](char const* option, std::optional<std::filesystem::path> const& path) {
    if (path) {
      outputs.emplace_back(option, *path);
    }
  };
  add("--short-output", chosen.short_output);
  add("--start-output", chosen.start_output);
  add("--report", chosen.report);
  add("--plot", chosen.plot);
  add("--csv", chosen.csv);
  add("--log", chosen.log);
  add("--checkpoint", chosen.checkpoint);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    auto const& [option, path] = outputs[i];
    for (std::filesystem::path const& input : chosen.inputs) {
      if (same_file(path, input)) {
        refuse(message(option, " names the input, which would be overwritten: ", path.string()));
      }
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

void interpret_files(CLI::App const& app, raw_texts const& texts, options& chosen) {
  for (std::string const& input : texts.inputs) {
    if (input.empty()) {
      refuse("--input: the name is empty");
    }
    chosen.inputs.emplace_back(input);
  }
  chosen.output = *path_of(app, "--output", texts.output);
  chosen.short_output = path_of(app, "--short-output", texts.short_output);
  chosen.start_output = path_of(app, "--start-output", texts.start_output);
  chosen.report = path_of(app, "--report", texts.report);
  chosen.plot = path_of(app, "--plot", texts.plot);
  chosen.csv = path_of(app, "--csv", texts.csv);
  chosen.log = path_of(app, "--log", texts.log);
  chosen.checkpoint = path_of(app, "--checkpoint", texts.checkpoint);
}

void interpret_method(CLI::App const& app, raw_texts const& texts, options& chosen) {
  chosen.method = texts.method == "full" ? refine_method::full : refine_method::short_rotation;
  chosen.device = texts.device == "cuda" ? compute_device::cuda : compute_device::cpu;
  if (texts.rotation == "orthogonal") {
    chosen.start = start_rotation::orthogonal;
  } else if (texts.rotation != "hadamard") {
    chosen.start = start_rotation::file;
    chosen.start_file = texts.rotation;
  }
  chosen.massive = interpret_massive(texts.massive);
  chosen.scheme.symmetric = !texts.asymmetric;
  chosen.scheme.scale = texts.scale == "search" ? scale_rule::search : scale_rule::max;
  chosen.scheme.clip = static_cast<float>(texts.clip);
  if (app.count("--momentum") == 0) {
    chosen.refinement.momentum = recommended_momentum(chosen.scheme.scale);
  }
}

/// An option that the chosen method does not know would be ignored in silence.
void check_method(CLI::App const& app, options const& chosen) {
  bool const full = chosen.method == refine_method::full;
  auto const only_for = [&app](char const* option, char const* method, bool is_chosen) {
    if (!is_chosen && app.count(option) != 0) {
      refuse(message(option, " goes with --method ", method, " only"));
    }
  };
  for (char const* const option : {"--patience", "--momentum", "--target-clip", "--first-share", "--first-rounds",
                                   "--block", "--shared-block", "--checkpoint"}) {
    only_for(option, "full", full);
  }
  only_for("--short-output", "short", !full);
  only_for("--prototypes", "short", !full);
  if (!full && chosen.device == compute_device::cuda) {
    refuse("--device cuda goes with --method full only: a short rotation takes the processor seconds");
  }
  if (!full && chosen.start != start_rotation::hadamard) {
    refuse("--rotation: a short rotation follows a Hadamard; another start goes with --method full");
  }
  if (chosen.starts > 1 && chosen.start != start_rotation::hadamard) {
    refuse("--starts: only Hadamard starts can be chosen from");
  }
  if (chosen.resume && !chosen.checkpoint) {
    refuse("--resume: --checkpoint names the file to go on from");
  }
}

void check_values(options const& chosen) {
  if (!(chosen.scheme.clip > 0 && chosen.scheme.clip <= 1)) {
    refuse("--clip: the ratio must be above 0 and at most 1");
  }
  if (!(chosen.refinement.alpha > 0)) {
    refuse("--alpha: the weight must be above 0");
  }
  if (!(chosen.refinement.momentum >= 0 && chosen.refinement.momentum < 1)) {
    refuse("--momentum: the share must be at least 0 and below 1");
  }
  if (!(chosen.refinement.target_clip > 0 && chosen.refinement.target_clip <= 1)) {
    refuse("--target-clip: the ratio must be above 0 and at most 1");
  }
  if (!(chosen.refinement.first_share > 0 && chosen.refinement.first_share <= 1)) {
    refuse("--first-share: the share must be above 0 and at most 1");
  }
  if (!(chosen.holdout >= 0 && chosen.holdout < 1)) {
    refuse("--holdout: the share must be at least 0 and below 1");
  }
}

void interpret(CLI::App const& app, raw_texts const& texts, options& chosen) {
  interpret_files(app, texts, chosen);
  interpret_method(app, texts, chosen);
  check_method(app, chosen);
  check_values(chosen);
  check_paths(chosen);
}

}  // namespace

std::variant<options, int> parse_options(int argument_count, char** arguments) {
  options chosen;
  raw_texts texts;
  chosen.threads = usable_processors();
  CLI::App app(description, "dfrot-refine");
  app.footer(examples);
  app.get_formatter()->column_width(42);
  add_options(app, chosen, texts);
  try {
    app.parse(argument_count, arguments);
    interpret(app, texts, chosen);
  } catch (CLI::CallForHelp const&) {
    write_standard_output(app.help());
    return int{done};
  } catch (CLI::CallForVersion const& version) {
    write_standard_output(message(version.what(), "\n"));
    return int{done};
  } catch (CLI::ParseError const& error) {
    std::fprintf(stderr, "dfrot-refine: %s (dfrot-refine --help lists the options)\n",
                 visible_text(error.what()).c_str());
    return int{wrong_usage};
  }
  return chosen;
}

}  // namespace dfrot::program
