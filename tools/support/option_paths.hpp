#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/output_target.hpp>

#include "support/option_numbers.hpp"

namespace dfrot::program {

/// The path that an option was given, if it was; refuses an empty one.
[[nodiscard]] inline std::optional<std::filesystem::path> path_of(CLI::App const& app, std::string const& option,
                                                                  std::string const& text) {
  if (app.count(option) == 0) {
    return std::nullopt;
  }
  if (text.empty()) {
    refuse(message(option, ": the name is empty"));
  }
  return std::filesystem::path(text);
}

/// Whether two names lead to one file, which need not be there yet.
[[nodiscard]] inline bool same_file(std::filesystem::path const& a, std::filesystem::path const& b) {
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error)) {
    return true;
  }
  auto const final_name = [&error](std::filesystem::path const& name) {
    return std::filesystem::weakly_canonical(resolve_output(name).path, error);
  };
  return final_name(a) == final_name(b);
}

}  // namespace dfrot::program
