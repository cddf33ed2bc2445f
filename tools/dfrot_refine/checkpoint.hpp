#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/optimize/refine/refinement_state.hpp>

#include "options.hpp"
#include "outcome.hpp"

namespace dfrot::program {

/// Keeps the state of the full refinement in a file from round to round, so that interrupted work resumes and ends in
/// the same bytes. The file says which input and options it belongs to; with others it is refused. Input files are identified by
/// their content, not their names. --device is one of the options, since a processor and a device
/// round sums otherwise and so end elsewhere.
class checkpoint {
 public:
  /// @param chosen names the file, or none: then nothing is kept
  /// @param begun the outcome before the first round: rows, channels, massive tokens, content of the input
  checkpoint(options const& chosen, outcome const& begun);

  /// The state to go on from; none without --resume or without a file.
  /// Throws: io_error if the file is damaged, or was made with another input or other options (which is said): every
  /// number in it is checked before it is used, and every rotation measured.
  [[nodiscard]] std::optional<refinement_state<float>> load(cpu::policy const& on) const;

  /// Whether there is a file to keep a state in.
  [[nodiscard]] bool is_kept() const { return path_.has_value(); }

  /// Writes the state: the file is the old one or the new one at any moment.
  /// Throws: io_error if it cannot be written.
  void save(refinement_state<float> const& state) const;

 private:
  struct fact {
    std::string name;
    std::string value;
    std::string without = "missing";  ///< what a checkpoint means that does not have it
  };

  std::optional<std::filesystem::path> path_;
  bool resume_;
  refine_options refinement_;
  std::size_t channels_;
  std::vector<fact> facts_;  // what must be the same for the work to go on
};

}  // namespace dfrot::program
