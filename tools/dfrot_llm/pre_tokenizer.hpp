#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "regular_expression.hpp"

namespace dfrot::program {

/// One step of a pre-tokenizer: each match of a regular expression becomes a piece of its own.
struct split_step {
  std::string pattern;
  bool keeps_rest = true;  ///< what lies between matches becomes pieces, too; else it is dropped
};

/// The steps of a pre-tokenizer that GGUF names (tokenizer.ggml.pre).
/// Throws: io_error for a name that is not known, with those that are.
[[nodiscard]] std::vector<split_step> split_steps_of(std::string const& name);

/// The expression of GPT-2, which byte-level tokenizers have where they name no other.
[[nodiscard]] std::string const& byte_level_pattern();

/// Cuts text into words, across which nothing is merged.
class pre_tokenizer {
 public:
  /// Throws: io_error for a pattern that is no regular expression.
  explicit pre_tokenizer(std::vector<split_step> const& steps);

  /// The words of a text, in order, as parts of it; without steps the whole text.
  /// @param text UTF-8   Each step sees a piece of the step before as a text of its own.
  [[nodiscard]] std::vector<std::string_view> words(std::string_view text) const;

 private:
  struct compiled_step {
    regular_expression expression;
    bool keeps_rest;
  };
  std::vector<compiled_step> steps_;
};

}  // namespace dfrot::program
