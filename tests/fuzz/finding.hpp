#pragma once

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::fuzz {

/// Standard error as it was at the start: some targets run with it closed (-close_fd_mask=3).
inline int const error_descriptor = ::dup(STDERR_FILENO);

/// Says what was found, and ends the program: the fuzzer keeps the input.
template <class... Parts>
[[noreturn]] void finding(Parts const&... parts) {
  std::string const text = message("FINDING: ", parts..., "\n");
  static_cast<void>(!::write(error_descriptor, text.data(), text.size()));
  std::abort();
}

/// Says what was found unless it is as it must be.
template <class... Parts>
void require(bool holds, Parts const&... parts) {
  if (!holds) {
    finding(parts...);
  }
}

/// What an operation says when it refuses its input with an error of the given type; empty where it does not. Every other
/// exception ends the program.
template <class Error, class F>
[[nodiscard]] std::string refusal(F&& operation) {
  try {
    operation();
  } catch (Error const& error) {
    require(*error.what() != '\0', "an error without a text");
    return error.what();
  }
  return {};
}

/// An error about a file is one line of text that names the file. (Whether the bytes are UTF-8 is the terminal's matter.)
inline void require_clear(std::string_view text, std::string_view file) {
  require(text.find(file) != std::string_view::npos, "an error that does not name the file: ", text);
  for (char const c : text) {
    require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "an error with a control character: ", text);
  }
  require(text.size() < 500, "an error of ", text.size(), " characters");
}

}  // namespace dfrot::fuzz
