#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace dfrot::program {

/// Reads a whole number as std::to_chars() writes it, and nothing else: no sign but the '-' of a negative number, no
/// space, no leading zero (which many programs take for octal), no other base, no exponent, nothing behind it.
/// Returns none for any other text, and for a number that Integer does not hold.
template <std::integral Integer>
[[nodiscard]] std::optional<Integer> parse_integer(std::string_view text) {
  Integer value = 0;
  char const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) {
    return std::nullopt;
  }
  char digits[24];  // 2^64 has 20
  auto const written = std::to_chars(digits, digits + sizeof digits, value);
  bool const same = text == std::string_view(digits, static_cast<std::size_t>(written.ptr - digits));
  return same ? std::optional<Integer>(value) : std::nullopt;
}

/// Reads a finite decimal number, such as 0.5, -3, 1e-3, whatever the locale. Returns none for any other text ('inf',
/// 'nan', hexadecimal, '+', spaces, something behind it) and for a number too large or too small for a double.
[[nodiscard]] inline std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  char const* const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, value);
  bool const whole = error == std::errc() && stop == end && std::isfinite(value);
  return whole ? std::optional<double>(value) : std::nullopt;
}

}  // namespace dfrot::program
