#pragma once

#include <optional>
#include <string>

#include <dfrot/core/expects.hpp>

#include "support/massive_choice.hpp"
#include "support/number_text.hpp"
#include "support/option_numbers.hpp"

namespace dfrot::program {

/// Reads the text of --massive: auto, compare, or a number above 0.   Throws: CLI::ValidationError.
[[nodiscard]] inline massive_choice interpret_massive(std::string const& text) {
  if (text == "auto" || text == "compare") {
    return {text == "auto" ? massive_rule::automatic : massive_rule::compare, 0};
  }
  std::optional<double> const value = parse_real(text);
  if (!value) {
    refuse(message("--massive: '", text, "' is neither auto nor compare nor a finite decimal number"));
  }
  if (!(*value > 0)) {
    refuse("--massive: the error must be above 0");
  }
  return {massive_rule::threshold, *value};
}

}  // namespace dfrot::program
