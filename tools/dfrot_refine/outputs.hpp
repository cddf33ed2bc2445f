#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <dfrot/io/atomic_file.hpp>

#include "options.hpp"
#include "outcome.hpp"

namespace dfrot::program {

/// Says whether all files that the user named can be written, and opens none of them. --dry-run needs no more.
/// Throws: io_error naming the first that cannot.
void check_outputs(options const& chosen);

/// The files that a run ends with.
class outputs {
 public:
  /// Opens what is no regular file and keeps it open: the reader of a pipe takes its end for the end of the output.
  /// Regular files are opened when they are written. @pre check_outputs() found nothing
  /// Throws: io_error where that fails.
  explicit outputs(options const& chosen);

  /// Writes all outputs: first the bytes of all, then their names, so that a moment that ends the program leaves all old
  /// ones or, nearly always, all new ones. One that fails keeps no other one from being written.
  /// Returns what failed, a text each.
  [[nodiscard]] std::vector<std::string> write(options const& chosen, outcome const& result);

 private:
  void prepare(std::filesystem::path const& path, std::function<void(atomic_file&)> const& fill);

  std::map<std::filesystem::path, atomic_file> direct_;  // not yet written
  std::vector<atomic_file> written_;                     // not yet committed
  std::vector<std::string> failures_;
};

}  // namespace dfrot::program
