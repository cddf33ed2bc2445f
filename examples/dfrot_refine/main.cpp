// dfrot-refine: activations in, a rotation out that makes them easy to quantize, and figures that say by how much.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/io/short_rotation_file.hpp>

#include "cuda_device.hpp"
#include "estimate.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "plot.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "run.hpp"
#include "table.hpp"

namespace {

using namespace dfrot::program;

/// What a user is told in one line before any work is done.
void check_request(options const& chosen) {
  if (chosen.bits != 4) {
    throw dfrot::io_error(dfrot::message("--bits ", chosen.bits, ": only 4 is supported"));
  }
  dfrot::atomic_file::check_writable(chosen.output);
  for (auto const* const path :
       {&chosen.short_output, &chosen.start_output, &chosen.report, &chosen.plot, &chosen.csv, &chosen.checkpoint}) {
    if (*path) {
      dfrot::atomic_file::check_writable(**path);
    }
  }
}

/// Writes all outputs in full before the first of them gets its name, so that a full disk leaves none behind.
void write_outputs(options const& chosen, outcome const& result) {
  std::vector<dfrot::atomic_file> files;
  auto const write_text = [&files](std::optional<std::filesystem::path> const& path, std::string const& text) {
    if (path) {
      files.emplace_back(*path).write(text);
    }
  };
  dfrot::write_npy(files.emplace_back(chosen.output), result.rotation.view());
  if (chosen.short_output) {
    dfrot::write_short_rotation(files.emplace_back(*chosen.short_output), result.shortened->rotation);
  }
  if (chosen.start_output) {
    dfrot::write_npy(files.emplace_back(*chosen.start_output), result.start_rotation.view());
  }
  write_text(chosen.report, chosen.report ? report(chosen, result) : "");
  write_text(chosen.plot, chosen.plot ? plot(chosen, result) : "");
  write_text(chosen.csv, chosen.csv ? token_csv(result) : "");
  for (dfrot::atomic_file& file : files) {
    file.commit();
  }
}

int refine_and_write(options const& chosen) {
  watch_for_interrupt();
  check_request(chosen);
  auto const device = chosen.device == compute_device::cuda ? open_cuda_device() : nullptr;
  if (chosen.dry_run) {
    std::fputs(estimate(chosen, device.get()).c_str(), stdout);
    return done;
  }
  std::optional<progress> shown(std::in_place, chosen.refinement.rounds);
  outcome const result = run(chosen, device.get(), *shown);
  shown.reset();
  write_outputs(chosen, result);
  std::fputs(table(chosen, result).c_str(), stdout);
  return result.stopped() ? int{interrupted} : int{done};
}

int complain(std::string const& text, int code) {
  std::fprintf(stderr, "dfrot-refine: %s\n", text.c_str());
  return code;
}

}  // namespace

int main(int argument_count, char** arguments) {
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
