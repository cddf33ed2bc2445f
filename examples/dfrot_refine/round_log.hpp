#pragma once

#include <fstream>
#include <string>

#include <dfrot/optimize/refine_options.hpp>
#include <dfrot/optimize/refine_short.hpp>

#include "options.hpp"

namespace dfrot::program {

/// Writes a line of JSON for every round as soon as it is done, so that long work can be watched from outside.
class round_log {
 public:
  /// Begins the file that the user named, anew; does nothing without one.   Throws: io_error if it cannot be written.
  explicit round_log(options const& chosen);

  /// Throws: io_error if the line cannot be written.
  void add(refine_round const& round);
  void add(short_round const& round);

 private:
  void write(std::string const& line);

  std::string name_;
  std::ofstream file_;
};

}  // namespace dfrot::program
