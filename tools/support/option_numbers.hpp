#pragma once

#include <CLI/CLI.hpp>
#include <concepts>
#include <optional>
#include <string>
#include <type_traits>

#include <dfrot/core/expects.hpp>

#include "support/number_text.hpp"

namespace dfrot::program {

/// A mistake in the usage that CLI11 does not see itself.
[[noreturn]] inline void refuse(std::string const& text) { throw CLI::ValidationError(text); }

/// Adds an option whose text is read here and not by CLI11, which lets 2^64 become 2^64 - 1, and '010' 8, in silence.
template <class T, class Read>
CLI::Option* add_number(CLI::App& app, char const* name, T& value, std::string const& explanation, char const* type,
                        Read read) {
  return app
      .add_option(
          name,
          [name, &value, read](CLI::results_t const& texts) {
            value = read(std::string(name), texts.back());
            return true;
          },
          explanation, false, [&value] { return message(value); })
      ->type_name(type);
}

/// An option that takes a whole number from `least` to `most`.
template <std::integral T>
CLI::Option* add_integer(CLI::App& app, char const* name, T& value, T least, T most, std::string const& explanation) {
  auto const read = [least, most](std::string const& option, std::string const& text) {
    std::optional<T> const number = parse_integer<T>(text);
    if (!number || *number < least || *number > most) {
      refuse(message(option, ": '", text, "' is not a whole number from ", least, " to ", most, " in decimal digits"));
    }
    return *number;
  };
  return add_number(app, name, value, explanation, std::is_signed_v<T> ? "INT" : "UINT", read);
}

/// An option that takes a finite number; what range it has is checked later.
inline CLI::Option* add_real(CLI::App& app, char const* name, double& value, std::string const& explanation) {
  auto const read = [](std::string const& option, std::string const& text) {
    std::optional<double> const number = parse_real(text);
    if (!number) {
      refuse(message(option, ": '", text, "' is not a finite decimal number"));
    }
    return *number;
  };
  return add_number(app, name, value, explanation, "FLOAT", read);
}

}  // namespace dfrot::program
