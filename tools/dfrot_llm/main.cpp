// dfrot-llm: a language model in 4 bits, from file to perplexity.

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>

#include "options.hpp"
#include "perplexity_command.hpp"
#include "perplexity_report.hpp"
#include "support/interrupt.hpp"
#include "support/standard_output.hpp"
#include "support/visible_text.hpp"

namespace {

using namespace dfrot::program;

int complain(std::string const& text, int code) {
  std::fprintf(stderr, "dfrot-llm: %s\n", visible_text(text).c_str());
  return code;
}

int measure_and_write(perplexity_options const& chosen) {
  for (auto const* const path : {&chosen.report, &chosen.plot}) {
    if (*path) {
      dfrot::atomic_file::check_writable(**path);
    }
  }
  watch_for_interrupt();
  perplexity_run const run = measure_perplexity(chosen);
  std::vector<dfrot::atomic_file> files;
  auto const write = [&files](std::filesystem::path const& path, std::string const& text) {
    files.emplace_back(path);
    files.back().write(text);
  };
  if (chosen.report) {
    write(*chosen.report, perplexity_json(run));
  }
  if (chosen.plot && !run.results.empty()) {
    write(*chosen.plot, perplexity_plot(run));
  }
  for (dfrot::atomic_file& file : files) {
    file.commit();
  }
  write_standard_output(perplexity_table(run));
  return interrupting_signal() != 0 ? by_signal + interrupting_signal() : int{done};
}

}  // namespace

int main(int argument_count, char** arguments) {
  hold_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of that output
  try {
    auto const request = parse_options(argument_count, arguments);
    return std::holds_alternative<int>(request) ? std::get<int>(request)
                                                : measure_and_write(std::get<perplexity_options>(request));
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
