#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <dfrot/io/atomic_file.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>

#include "options.hpp"

namespace dfrot::program {

/// Writes a line of JSON for every round as soon as it is done, so that long work can be watched from outside.
class round_log {
 public:
  /// Checks that the file which the user named can be written, and leaves it as it is; does nothing without one. What is
  /// no regular file is opened, once.   Throws: io_error if it cannot be written.
  explicit round_log(options const& chosen);
  round_log(round_log const&) = delete;
  round_log& operator=(round_log const&) = delete;
  ~round_log();

  /// Begins the file anew, before the first round.   Throws: io_error if that fails.
  void begin();

  /// Throws: io_error if the line cannot be written.
  void add(refine_round const& round);
  void add(short_round const& round);

 private:
  void write(std::string_view line);
  [[noreturn]] void fail() const;

  std::optional<std::filesystem::path> path_;
  std::optional<atomic_file> direct_;  // a pipe, a device, a descriptor
  int descriptor_ = -1;                // of a regular file: lines are to be seen before it is complete
};

}  // namespace dfrot::program
