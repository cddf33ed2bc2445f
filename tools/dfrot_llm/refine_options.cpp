#include <cstdint>
#include <limits>

#include <dfrot/core/expects.hpp>

#include "command_options.hpp"
#include "support/massive_option.hpp"
#include "support/option_numbers.hpp"
#include "support/option_paths.hpp"

namespace dfrot::program {

void add_refine(CLI::App& app, refine_request& chosen, raw_texts& texts) {
  std::string const group = "Method";
  app.add_option(
         "-o,--output", texts.output,
         "Where the rotation goes (float32, channels x channels; of heads: layers x KV heads x\nhead x head, the first "
         "three as rows). Beside that of the residual stream,\nR.npy.checkpoint is kept from round to round until the "
         "work is done")
      ->type_name("R.npy")
      ->required()
      ->group("Output");
  app.add_option("--of", texts.refined,
                 "What is refined: the rotation of the residual stream (R1), or one for each key-value head\nof each "
                 "layer (R2), for --heads")
      ->capture_default_str()
      ->check(CLI::IsMember({"residual", "heads"}).description(""))
      ->type_name("residual|heads")
      ->group(group);
  app.add_option(
         "--method", texts.method,
         "All directions by the library's method, those of massive tokens alone, or all by the\npaper's iteration")
      ->capture_default_str()
      ->check(CLI::IsMember({"refined", "short", "paper"}).description(""))
      ->type_name("refined|short|paper")
      ->group(group);
  app.add_option("--sites", texts.sites, "The norms whose outputs it is refined for")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("attention|mlp,...")
      ->group(group);
  app.add_option("--layers", texts.layers, "Their layers, counted from 0: 5, 3-8")
      ->capture_default_str()
      ->type_name("FIRST-LAST|all")
      ->group(group);
  add_integer(app, "--rounds", chosen.fit.refinement.rounds, 0, 1'000'000, "Rounds at most")
      ->default_str("30, or 100 of the paper's method")
      ->group(group);
  add_real(app, "--alpha", chosen.fit.refinement.alpha, "Weight of a massive token; 50 to 200 is good")
      ->capture_default_str()
      ->group(group);
  app.add_option("--massive", texts.massive,
                 "Which tokens are massive: found automatically, by comparison with a random orthogonal\nrotation, or "
                 "those with an unrotated error ||x - Q(x)|| below VALUE")
      ->capture_default_str()
      ->type_name("auto|compare|VALUE")
      ->group(group);
  app.add_option("--scale", texts.scale, "Each token's scale: from its largest value, or the best of 17")
      ->capture_default_str()
      ->check(CLI::IsMember({"max", "search"}).description(""))
      ->type_name("max|search")
      ->group(group);
  app.add_flag("--asymmetric", texts.asymmetric, "Codes 0 to 15 with a zero point, instead of -8 to 7")->group(group);
  add_integer(app, "--seed", chosen.fit.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max(),
              "Seed of the Hadamard at the start")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--dry-run", chosen.dry_run, "Say what would be done, and what memory and time it takes")->group(group);
}

void interpret_refine(CLI::App const& app, raw_texts const& texts, refine_request& chosen) {
  chosen.output = *path_of(app, "--output", texts.output);
  chosen.of_heads = texts.refined == "heads";
  for (char const* const option : {"--sites", "--layers", "--plot"}) {
    if (chosen.of_heads && app.count(option) != 0) {
      refuse(message(option, ": goes with --of residual; heads are refined for what o reads, in all layers"));
    }
  }
  if (chosen.of_heads && texts.method == "short") {
    refuse("--method short: short rotations are of the residual stream; choose refined or paper");
  }
  int4_scheme scheme;
  scheme.symmetric = !texts.asymmetric;
  scheme.scale = texts.scale == "search" ? scale_rule::search : scale_rule::max;
  if (texts.method == "paper" && (!scheme.symmetric || scheme.scale != scale_rule::max)) {
    refuse("--method paper: its quantizer is symmetric, and its scale from the largest value");
  }
  fit_settings settings = settings_of(texts.method, scheme);
  settings.refinement.alpha = chosen.fit.refinement.alpha;
  if (app.count("--rounds") != 0) {
    settings.refinement.rounds = chosen.fit.refinement.rounds;
  }
  if (!(settings.refinement.alpha > 0)) {
    refuse("--alpha: the weight must be above 0");
  }
  settings.massive = interpret_massive(texts.massive);
  settings.seed = chosen.fit.seed;
  settings.threads = chosen.threads;
  chosen.fit = settings;
  chosen.places.sites = interpret_sites(texts.sites, {site::attention, site::mlp}, "--sites");
  interpret_layers(texts.layers, chosen.places.first_layer, chosen.places.last_layer);
  if (chosen.sequences.count == 0) {
    refuse("--sequences: 0; a refinement takes at least one");
  }
}

}  // namespace dfrot::program
