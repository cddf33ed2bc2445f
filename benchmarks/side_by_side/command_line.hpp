#pragma once

#include <string>
#include <vector>

#include "side_by_side/report.hpp"
#include "side_by_side/runner.hpp"

namespace CLI {
class App;
}

namespace dfrot::bench {

/// What every program of this kind is asked.
struct options {
  std::vector<std::string> only;
  std::string json;
  std::string markdown;
  std::string commit = "unknown";
  effort how;
  bool quick = false;
  bool list = false;
};

/// @param chosen holds the defaults, and has to outlive app
void add_options(CLI::App& app, options& chosen);

/// The names of all problems, one a line, to standard output.
void list_problems(std::vector<named_problem> const& problems);

/// Measures the problems that are asked for; shows each when it is done, and writes the files anew, so that what has been
/// measured is there if the work is cut short.
/// A problem that throws is reported, and the others have their turn.
/// Throws: std::runtime_error if no problem has such a name, some have failed, or a file cannot be written.
void run_problems(std::vector<named_problem> const& problems, options const& chosen, machine const& where);

}  // namespace dfrot::bench
