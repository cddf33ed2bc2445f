#pragma once

#include <string>
#include <utility>
#include <vector>

#include "side_by_side/runner.hpp"

namespace dfrot::bench {

/// A contender with what was measured.
struct result {
  std::string name;
  role is = role::ours;
  timing time;
  double figure = 0;                                       ///< of the shortest time, in the problem's unit
  double median = 0;                                       ///< of the median time
  double of_limit = 0;                                     ///< speed relative to the limit's; 0 without a limit
  std::vector<std::pair<std::string, double>> times_peer;  ///< ours only: speed relative to each peer's
  std::vector<fact> facts;                                 ///< what else is known
};

struct measured_problem {
  std::string name;
  std::string unit;
  std::string limit;  ///< the limit's name; empty without one
  std::vector<result> results;
};

/// What the figures depend on: what a reader wants to know of the machine, each with a name for the JSON file.
struct machine {
  std::vector<std::pair<std::string, std::string>> properties;
  std::string commit;
};

/// "AMD EPYC, 2 cores, g++ 12.2.0, commit 1f901b3"
[[nodiscard]] std::string as_text(machine const& where);

/// Joins a problem with its times, and takes the ratios.
[[nodiscard]] measured_problem summarize(problem const& measured, std::vector<timing> const& times);

/// One problem's rows for the terminal.
[[nodiscard]] std::string as_text(measured_problem const& shown);
/// All problems in one table, as docs/benchmarks.md shows it.
[[nodiscard]] std::string as_markdown(machine const& where, std::vector<measured_problem> const& shown);
[[nodiscard]] std::string as_json(machine const& where, std::vector<measured_problem> const& shown);

/// Writes a file as a whole or not at all.   Throws: std::runtime_error naming the file.
void write_file(std::string const& file, std::string const& text);

}  // namespace dfrot::bench
