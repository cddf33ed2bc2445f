#include "outputs.hpp"

#include <exception>
#include <optional>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/io/short_rotation_file.hpp>

#include "plot.hpp"
#include "report.hpp"

namespace dfrot::program {

namespace {

/// The files that are written when the work is done.
std::vector<std::filesystem::path> names_of_outputs(options const& chosen) {
  std::vector<std::filesystem::path> names = {chosen.output};
  for (auto const* const path :
       {&chosen.short_output, &chosen.start_output, &chosen.report, &chosen.plot, &chosen.csv}) {
    if (*path) {
      names.push_back(**path);
    }
  }
  return names;
}

}  // namespace

void check_outputs(options const& chosen) {
  for (std::filesystem::path const& path : names_of_outputs(chosen)) {
    atomic_file::check_writable(path);
  }
  if (chosen.log) {
    atomic_file::check_writable(*chosen.log);
  }
  if (chosen.checkpoint) {
    if (atomic_file::is_direct(*chosen.checkpoint)) {
      throw io_error(message("cannot write ", chosen.checkpoint->string(),
                             ": a checkpoint is read again: name a regular file, which this is not"));
    }
    atomic_file::check_writable(*chosen.checkpoint);
  }
}

outputs::outputs(options const& chosen) {
  for (std::filesystem::path const& path : names_of_outputs(chosen)) {
    if (atomic_file::is_direct(path)) {
      direct_.emplace(path, path);
    }
  }
}

void outputs::prepare(std::filesystem::path const& path, std::function<void(atomic_file&)> const& fill) {
  try {
    auto const opened = direct_.find(path);
    atomic_file file = opened == direct_.end() ? atomic_file(path) : std::move(opened->second);
    fill(file);
    written_.push_back(std::move(file));
  } catch (io_error const& error) {  // which names the file
    failures_.emplace_back(error.what());
  } catch (std::exception const& error) {
    failures_.push_back(message("cannot write ", path.string(), ": ", error.what()));
  }
}

std::vector<std::string> outputs::write(options const& chosen, outcome const& result) {
  prepare(chosen.output, [&](atomic_file& file) { write_npy(file, result.rotation.view()); });
  if (chosen.short_output) {
    prepare(*chosen.short_output, [&](atomic_file& file) { write_short_rotation(file, result.shortened->rotation); });
  }
  if (chosen.start_output) {
    prepare(*chosen.start_output, [&](atomic_file& file) { write_npy(file, result.start_rotation.view()); });
  }
  if (chosen.report) {
    prepare(*chosen.report, [&](atomic_file& file) { file.write(report(chosen, result)); });
  }
  if (chosen.plot) {
    prepare(*chosen.plot, [&](atomic_file& file) { file.write(plot(chosen, result)); });
  }
  if (chosen.csv) {
    prepare(*chosen.csv, [&](atomic_file& file) { file.write(token_csv(result)); });
  }
  for (atomic_file& file : written_) {
    try {
      file.commit();
    } catch (io_error const& error) {
      failures_.emplace_back(error.what());
    }
  }
  written_.clear();
  direct_.clear();
  return std::move(failures_);
}

}  // namespace dfrot::program
