// dfrot-refine: activations in, a rotation out that makes them easy to quantize, and figures that say by how much.

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "cuda_device.hpp"
#include "estimate.hpp"
#include "options.hpp"
#include "outputs.hpp"
#include "progress.hpp"
#include "round_log.hpp"
#include "run.hpp"
#include "support/interrupt.hpp"
#include "support/standard_output.hpp"
#include "support/visible_text.hpp"
#include "table.hpp"

namespace {

using namespace dfrot::program;

int complain(std::string const& text, int code) {
  std::fprintf(stderr, "dfrot-refine: %s\n", visible_text(text).c_str());
  return code;
}

int refine_and_write(options const& chosen) {
  if (chosen.bits != 4) {
    throw dfrot::io_error(dfrot::message("--bits ", chosen.bits, ": only 4 is supported"));
  }
  check_outputs(chosen);
  auto const device = chosen.device == compute_device::cuda ? open_cuda_device() : nullptr;
  if (chosen.dry_run) {
    write_standard_output(estimate(chosen, device.get()));
    return done;
  }
  round_log log(chosen);  // before anything else is opened: /dev/fd/3 is what the caller opened
  outputs files(chosen);
  watch_for_interrupt();
  std::optional<progress> shown(std::in_place, chosen.refinement.rounds);
  outcome const result = run(chosen, device.get(), *shown, log);
  shown.reset();
  std::vector<std::string> const failures = files.write(chosen, result);
  for (std::string const& failure : failures) {
    complain(failure, bad_input);
  }
  write_standard_output(table(chosen, result));
  for (std::string const& warning : result.warnings) {
    std::fprintf(stderr, "dfrot-refine: warning: %s\n", warning.c_str());
  }
  return !failures.empty() ? int{bad_input} : result.stopped() ? by_signal + interrupting_signal() : int{done};
}

}  // namespace

int main(int argument_count, char** arguments) {
  hold_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of that output
  try {
    std::variant<options, int> const request = parse_options(argument_count, arguments);
    return std::holds_alternative<int>(request) ? std::get<int>(request) : refine_and_write(std::get<options>(request));
  } catch (dfrot::io_error const& error) {
    return complain(error.what(), bad_input);
  } catch (std::invalid_argument const& error) {  // a front door of the library refused the data
    return complain(error.what(), bad_input);
  } catch (std::bad_alloc const&) {
    return complain("the activations do not fit into memory: use fewer rows", bad_input);
  } catch (device_error const& error) {
    return complain(error.what(), no_device);
  } catch (std::exception const& error) {
    return complain(error.what(), failed);
  }
}
