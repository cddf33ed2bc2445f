// dfrot-llm: a language model in 4 bits, from file to perplexity.

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>

#include "calibrate_command.hpp"
#include "compare_command.hpp"
#include "compare_report.hpp"
#include "export_command.hpp"
#include "inspection.hpp"
#include "options.hpp"
#include "perplexity_command.hpp"
#include "perplexity_report.hpp"
#include "quantize_command.hpp"
#include "ranks.hpp"
#include "refine_command.hpp"
#include "refine_heads.hpp"
#include "support/interrupt.hpp"
#include "support/standard_output.hpp"
#include "support/visible_text.hpp"

namespace {

using namespace dfrot::program;

int complain(std::string const& text, int code) {
  std::fprintf(stderr, "dfrot-llm: %s\n", visible_text(text).c_str());
  return code;
}

/// What a command gives: a table for the terminal, and files.
struct outcome {
  std::string table;
  std::string report;
  std::string plot;  ///< empty: there is nothing to draw
};

outcome of(inspect_options const& chosen) {
  inspection const found = inspect_model(chosen);
  return {inspection_table(found), inspection_json(found), found.sites.empty() ? "" : inspection_plot(found)};
}

outcome of(perplexity_options const& chosen) {
  perplexity_run const run = measure_perplexity(chosen);
  return {perplexity_table(run), perplexity_json(run), run.results.empty() ? "" : perplexity_plot(run)};
}

outcome of(compare_options const& chosen) {
  compare_run const run = compare_methods(chosen);
  return {compare_table(run), compare_json(run), run.results.empty() ? "" : compare_plot(run)};
}

/// The processes that this one works with.
ranks const* together = nullptr;

template <class Options>
int work_and_write(Options const& chosen) {
  for (auto const* const path : {&chosen.report, &chosen.plot}) {
    if (*path) {
      dfrot::atomic_file::check_writable(**path);
    }
  }
  watch_for_interrupt();
  outcome const found = of(chosen);
  std::vector<dfrot::atomic_file> files;
  auto const write = [&files](std::filesystem::path const& path, std::string const& text) {
    files.emplace_back(path);
    files.back().write(text);
  };
  if (chosen.report) {
    write(*chosen.report, found.report);
  }
  if (chosen.plot && !found.plot.empty()) {
    write(*chosen.plot, found.plot);
  }
  for (dfrot::atomic_file& file : files) {
    file.commit();
  }
  write_standard_output(found.table);
  return interrupting_signal() != 0 ? by_signal + interrupting_signal() : int{done};
}

int carry_out(inspect_options const& chosen) { return work_and_write(chosen); }
int carry_out(perplexity_options const& chosen) { return work_and_write(chosen); }
int carry_out(compare_options const& chosen) { return work_and_write(chosen); }
int carry_out(calibrate_options const& chosen) {
  watch_for_interrupt();
  std::size_t const layers = write_calibration(chosen);
  write_standard_output(dfrot::message(layers * chosen.sites.size(), " files of activations and index.json in ",
                                       visible_text(chosen.folder.string()), "\n"));
  return interrupting_signal() != 0 ? by_signal + interrupting_signal() : int{done};
}
int carry_out(export_options const& chosen) {
  watch_for_interrupt();
  export_model(chosen);
  return interrupting_signal() != 0 ? by_signal + interrupting_signal() : int{done};
}
/// All files, or none.   @param report, plot of what refine does; read where they are asked for
void write_refined(refine_request const& chosen, dfrot::matrix<float> const& rotation,
                   std::function<std::string()> const& report, std::function<std::string()> const& plot) {
  std::vector<dfrot::atomic_file> files;
  dfrot::write_npy(files.emplace_back(chosen.output), rotation.view());
  if (chosen.report) {
    files.emplace_back(*chosen.report).write(report());
  }
  if (chosen.plot) {
    files.emplace_back(*chosen.plot).write(plot());
  }
  for (dfrot::atomic_file& file : files) {
    file.commit();
  }
}
int refine_all_heads(refine_request const& chosen) {
  if (chosen.dry_run) {
    write_standard_output(estimate_heads(chosen));
    return done;
  }
  watch_for_interrupt();
  std::optional<heads_outcome> const found = refine_heads(chosen);
  if (!found) {
    return complain("interrupted: nothing was written", by_signal + interrupting_signal());
  }
  write_refined(chosen, found->rotations, [&] { return heads_json(chosen, *found); }, {});
  write_standard_output(heads_table(chosen, *found));
  return done;
}
int carry_out(refine_request const& chosen) {
  auto const kept = chosen.of_heads ? std::nullopt : checkpoint_beside(chosen);
  for (auto const& path : {std::optional(chosen.output), chosen.report, chosen.plot, kept}) {
    if (path) {
      dfrot::atomic_file::check_writable(*path);
    }
  }
  if (chosen.of_heads) {
    return refine_all_heads(chosen);
  }
  if (chosen.dry_run) {
    write_standard_output(estimate_refinement(chosen));
    return done;
  }
  watch_for_interrupt();
  std::optional<refine_outcome> const found = refine_model(chosen);
  if (!found) {
    return complain("interrupted before a round was done: nothing was written", by_signal + interrupting_signal());
  }
  write_refined(
      chosen, found->rotation, [&] { return refine_json(chosen, *found); },
      [&] { return refine_plot(chosen, *found); });
  if (auto const checkpoint = checkpoint_beside(chosen); checkpoint && !found->stopped()) {
    std::filesystem::remove(*checkpoint);
  }
  write_standard_output(refine_table(chosen, *found));
  return found->stopped() ? by_signal + interrupting_signal() : int{done};
}
int carry_out(quantize_options const& chosen) {
  watch_for_interrupt();
  write_standard_output(quantize_model(chosen, *together));
  return interrupting_signal() != 0 ? by_signal + interrupting_signal() : int{done};
}
int carry_out(int exit_code) { return exit_code; }

int work(int argument_count, char** arguments) {
  try {
    auto const chosen = parse_options(argument_count, arguments);
    if (together->count() > 1 && !std::holds_alternative<quantize_options>(chosen) &&
        !std::holds_alternative<int>(chosen)) {
      return together->is_first()
                 ? complain("only quantize runs on several ranks: start this without mpirun", wrong_usage)
                 : int{wrong_usage};
    }
    return std::visit([](auto const& each) { return carry_out(each); }, chosen);
  } catch (dfrot::io_error const& error) {
    return complain(error.what(), bad_input);
  } catch (std::invalid_argument const& error) {  // a front door of the library refused the data
    return complain(error.what(), bad_input);
  } catch (std::bad_alloc const&) {
    return complain("the activations do not fit into memory: use fewer sequences, or a smaller --context", bad_input);
  } catch (std::exception const& error) {
    return complain(error.what(), failed);
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  hold_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of that output
  auto const all = ranks::of_program();
  together = all.get();
  int const code = work(argument_count, arguments);
  if (code != done && code != wrong_usage) {
    together->end_all(code);
  }
  return code;
}
