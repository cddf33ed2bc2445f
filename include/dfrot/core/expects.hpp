#pragma once

#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace dfrot {

namespace detail {

inline void append(std::string& text, std::string_view part) { text += part; }

template <class Number>
requires std::is_arithmetic_v<Number>
void append(std::string& text, Number part) {
  if constexpr (std::is_floating_point_v<Number>) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", static_cast<double>(part));
    text += digits;
  } else {
    text += std::to_string(part);
  }
}

}  // namespace detail

/// Joins texts and numbers to one message; the numbers of an error are part of its text.
///   message("row ", 7, " holds ", 0.5) == "row 7 holds 0.5"
/// @param parts strings and arithmetic values, in order; floating-point values with 6 significant digits
/// Complexity: linear in the length of the text.   Errors: std::bad_alloc.
template <class... Parts>
[[nodiscard]] std::string message(Parts const&... parts) {
  std::string text;
  (detail::append(text, parts), ...);
  return text;
}

/// Reports a broken precondition: throws std::invalid_argument, or, where exceptions are switched off, prints the text
/// to standard error and aborts.
/// @param text one line that names the offending numbers and what would be right
[[noreturn]] inline void reject(std::string const& text) {
#if defined(__cpp_exceptions)
  throw std::invalid_argument(text);
#else
  std::fprintf(stderr, "dfrot: %s\n", text.c_str());
  std::abort();
#endif
}

/// Checks a precondition at a front door. The message is built only when the check fails.
/// @param condition what must hold   @param parts the message, as for message()
/// Complexity: O(1).   Throws: std::invalid_argument if the condition is false (see reject()).
template <class... Parts>
constexpr void expects(bool condition, Parts const&... parts) {
  if (!condition) [[unlikely]] {
    reject(message(parts...));
  }
}

}  // namespace dfrot
