#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/refinement.hpp>

#include "options.hpp"

namespace dfrot::program {

/// Keeps the state of the full refinement in a file from round to round, so that work that was cut off goes on and ends
/// in the same bytes. The file says which input and options it belongs to; with others it is refused. --device is one
/// of them, since a processor and a device round sums otherwise and so end elsewhere.
class checkpoint {
 public:
  /// @param chosen names the file, or none: then nothing is kept   @param channels of the tokens
  /// @param tokens the errors of all tokens without rotation: whatever changes a token changes them, so that their
  /// checksum stands for the input
  checkpoint(options const& chosen, std::size_t channels, std::vector<token_error> const& tokens);

  /// The state to go on from; none if the user did not ask for it, or there is no file.
  /// Throws: io_error if the file is damaged, or was made with another input or other options (which is said).
  [[nodiscard]] std::optional<refinement_state<float>> load() const;

  /// Whether there is a file to keep a state in.
  [[nodiscard]] bool is_kept() const { return path_.has_value(); }

  /// Writes the state: the file is the old one or the new one at any moment.
  /// Throws: io_error if it cannot be written.
  void save(refinement_state<float> const& state) const;

 private:
  struct fact {
    std::string name;
    std::string value;
  };

  std::optional<std::filesystem::path> path_;
  bool resume_;
  std::vector<fact> facts_;  // what must be the same for the work to go on
};

}  // namespace dfrot::program
