#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/optimize/refine/refinement_state.hpp>

namespace dfrot::program {

/// What must be the same for work to go on.
struct checkpoint_fact {
  std::string name;
  std::string value;
  std::string without = "missing";  ///< what a checkpoint means that does not have it
};

/// A real number as a fact: to the last bit.
[[nodiscard]] std::string fact_text(double value);

/// Keeps the state of a full refinement in a file from round to round, so that interrupted work resumes and ends in the same bytes.
/// The file says which work it belongs to.
class refinement_checkpoint {
 public:
  /// @param path the file, or none: then nothing is kept   @param resume whether to go on from it where it is there
  /// @param advice how to begin anew instead, for messages: "leave --resume out"
  refinement_checkpoint(std::optional<std::filesystem::path> path, bool resume, std::string advice,
                        refine_options refinement, std::size_t channels, std::vector<checkpoint_fact> facts);

  /// The state to go on from; none where there is nothing to resume.
  /// Throws: io_error if the file is damaged, or belongs to other work (which is said): every number in it is checked before it is
  /// used, and every rotation measured.
  [[nodiscard]] std::optional<refinement_state<float>> load(cpu::policy const& on) const;

  /// Whether there is a file to keep a state in.
  [[nodiscard]] bool is_kept() const { return path_.has_value(); }

  /// Writes the state: the file is the old one or the new one at any moment.
  /// Throws: io_error if it cannot be written.
  void save(refinement_state<float> const& state) const;

 private:
  std::optional<std::filesystem::path> path_;
  bool resume_;
  std::string advice_;
  refine_options refinement_;
  std::size_t channels_;
  std::vector<checkpoint_fact> facts_;
};

}  // namespace dfrot::program
