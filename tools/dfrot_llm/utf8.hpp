#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dfrot::program {

/// A character and the bytes that it takes in UTF-8; 0 bytes: the text begins with no valid character.
struct utf8_character {
  char32_t code = 0;
  std::size_t length = 0;
};

/// The character that a text begins with. Overlong forms, surrogates and numbers above 0x10ffff are not valid.
/// Source: RFC 3629.
[[nodiscard]] inline utf8_character first_character(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  auto const first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) {
    return {first, 1};
  }
  std::size_t const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) {
    return {};
  }
  char32_t code = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    auto const next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0u) != 0x80) {
      return {};
    }
    code = (code << 6u) | (next & 0x3fu);
  }
  constexpr char32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  bool const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < least[length] || code > 0x10ffff || surrogate ? utf8_character{} : utf8_character{code, length};
}

/// Where a text stops being UTF-8; none where all of it is.
[[nodiscard]] inline std::optional<std::size_t> first_invalid_byte(std::string_view text) {
  for (std::size_t place = 0; place < text.size();) {
    std::size_t const length = first_character(text.substr(place)).length;
    if (length == 0) {
      return place;
    }
    place += length;
  }
  return std::nullopt;
}

/// Appends a character. @pre code is a character: no surrogate, at most 0x10ffff
inline void append_utf8(std::string& text, char32_t code) {
  auto const byte = [&text](char32_t bits) { text += static_cast<char>(static_cast<unsigned char>(bits)); };
  if (code < 0x80) {
    return byte(code);
  }
  std::uint32_t const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  byte(((0xf00u >> (more + 1)) & 0xffu) | (code >> (6 * more)));  // as many leading ones as bytes
  for (std::uint32_t i = more; i-- > 0;) {
    byte(0x80u | ((code >> (6 * i)) & 0x3fu));
  }
}

/// A byte as messages show it: 0x0a.
[[nodiscard]] inline std::string hexadecimal(char byte) {
  constexpr char const* digits = "0123456789abcdef";
  auto const value = static_cast<unsigned char>(byte);
  return {'0', 'x', digits[value >> 4u], digits[value & 15u]};
}

}  // namespace dfrot::program
