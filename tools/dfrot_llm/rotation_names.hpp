#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace dfrot::program {

/// Whether a name is that of a way to fit a rotation to activations: all directions, those of massive tokens, the paper's iteration.
[[nodiscard]] inline bool is_fitted(std::string const& name) {
  return name == "refined" || name == "short" || name == "paper";
}

/// Whether it is the name of a rotation, and not of a file.
[[nodiscard]] inline bool is_rotation_name(std::string const& name) {
  return name == "none" || name == "orthogonal" || name == "hadamard" || is_fitted(name);
}

/// The rotation whose massive tokens are to be left in 16 bits: "hadamard" of "hadamard-fp16"; none for any other text.
[[nodiscard]] inline std::optional<std::string> without_fp16(std::string const& name) {
  constexpr std::size_t suffix = 5;
  if (name.size() < suffix || name.substr(name.size() - suffix) != "-fp16" ||
      !is_rotation_name(name.substr(0, name.size() - suffix))) {
    return std::nullopt;
  }
  return name.substr(0, name.size() - suffix);
}

}  // namespace dfrot::program
