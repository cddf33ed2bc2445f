// Short rotations, measured: what they cost online, how long one takes to find, and their errors on held-out tokens.

#include <CLI/CLI.hpp>
#include <cstddef>

#include "problems.hpp"

int main(int argc, char** argv) {
  using namespace dfrot::bench;
  std::size_t tokens = 131072;
  std::size_t channels = 4096;
  int rounds = 100;
  int hard_rounds = 30;
  CLI::App app("Times short rotations, and compares their errors with those of the paper's iteration.");
  app.require_subcommand(1);
  auto* const online = app.add_subcommand("online", "The cost of applying one");
  auto* const pass = app.add_subcommand("pass", "A whole pass over tokens in memory, with a short rotation at its end");
  auto* const file = app.add_subcommand("file", "The same, over a file");
  for (auto* const each : {pass, file}) {
    each->add_option("tokens", tokens)->capture_default_str();
    each->add_option("channels", channels)->capture_default_str();
  }
  auto* const errors = app.add_subcommand("errors", "Errors on held-out tokens");
  auto* const hard = app.add_subcommand("hard", "Errors where short rotations may lose");
  errors->add_option("rounds", rounds, "Rounds of the paper's iteration")->capture_default_str();
  hard->add_option("rounds", hard_rounds, "Rounds of the paper's iteration")->capture_default_str();
  auto* const quick = app.add_subcommand("quick", "Everything on small sizes: that it still runs");
  CLI11_PARSE(app, argc, argv);
  if (*online) {
    online_cost(4096, 2000);
    online_cost(14336, 500);
  }
  if (*pass || *file) {
    whole_pass(tokens, channels, file->parsed());
  }
  if (*errors) {
    held_out_errors(8192, 1024, rounds);
  }
  if (*hard) {
    hard_cases(8192, 512, hard_rounds);
  }
  if (*quick) {
    online_cost(256, 3);
    whole_pass(600, 256, false);
    whole_pass(600, 256, true);
    held_out_errors(600, 128, 2);
    hard_cases(600, 128, 2);
  }
  return 0;
}
