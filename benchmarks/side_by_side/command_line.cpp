#include "side_by_side/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <stdexcept>

namespace dfrot::bench {

namespace {

[[nodiscard]] bool is_wanted(named_problem const& one, std::vector<std::string> const& only) {
  bool wanted = only.empty() && !one.on_request;
  for (auto const& text : only) {
    wanted = wanted || (one.on_request ? one.name == text : one.name.find(text) != std::string::npos);
  }
  return wanted;
}

void write_reports(options const& chosen, machine const& where, std::vector<measured_problem> const& measured) {
  if (!chosen.json.empty()) {
    write_file(chosen.json, as_json(where, measured));
  }
  if (!chosen.markdown.empty()) {
    write_file(chosen.markdown, as_markdown(where, measured));
  }
}

}  // namespace

void add_options(CLI::App& app, options& chosen) {
  app.add_option("--only", chosen.only, "Only problems whose name contains one of these texts")->type_name("TEXT");
  app.add_option("--seconds", chosen.how.seconds, "Time for one problem")->capture_default_str();
  app.add_option("--json", chosen.json, "Write the results as JSON")->type_name("FILE");
  app.add_option("--markdown", chosen.markdown, "Write the table of docs/benchmarks.md")->type_name("FILE");
  app.add_option("--commit", chosen.commit, "The commit that the reports name");
  app.add_flag("--quick", chosen.quick, "Small sizes, one turn each: shows that everything runs, not how fast");
  app.add_flag("--list", chosen.list, "List the problems and exit");
}

void list_problems(std::vector<named_problem> const& problems) {
  for (auto const& one : problems) {
    std::printf("%s%s\n", one.name.c_str(), one.on_request ? " (only if named in full)" : "");
  }
}

void run_problems(std::vector<named_problem> const& problems, options const& chosen, machine const& where) {
  effort how = chosen.how;
  if (chosen.quick) {
    how.seconds = 0;
    how.turn = 0;
    how.least_turns = 1;
    how.longest_warm_call = 0;
  }
  std::vector<measured_problem> measured;
  std::size_t wanted = 0;
  for (auto const& one : problems) {
    if (!is_wanted(one, chosen.only)) {
      continue;
    }
    ++wanted;
    try {
      problem const made = one.make();
      measured.push_back(summarize(made, measure(made, how)));
    } catch (std::exception const& error) {  // the others may still work
      std::printf("\nFAILED %s: %s\n", one.name.c_str(), error.what());
      continue;
    }
    std::fputs(as_text(measured.back()).c_str(), stdout);
    std::fflush(stdout);
    write_reports(chosen, where, measured);
  }
  if (wanted == 0) {
    throw std::runtime_error("no problem has such a name; --list shows all");
  }
  if (measured.size() < wanted) {
    throw std::runtime_error(std::to_string(wanted - measured.size()) + " of " + std::to_string(wanted) +
                             " problems failed");
  }
}

}  // namespace dfrot::bench
