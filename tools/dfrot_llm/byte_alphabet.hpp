#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "utf8.hpp"

namespace dfrot::program {

/// The characters by which byte-level vocabularies write the 256 bytes. A byte that Latin-1 prints is written as that
/// character; the others are written as 256, 257, ... in their order, so that no token holds a space or a control character.
/// Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (GPT-2), 2019.
class byte_alphabet {
 public:
  byte_alphabet() {
    char32_t next = 256;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      bool const printed = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
      codes_[byte] = printed ? static_cast<char32_t>(byte) : next++;
    }
    for (std::size_t byte = 0; byte < 256; ++byte) {
      bytes_[codes_[byte]] = static_cast<char>(static_cast<unsigned char>(byte));
    }
  }

  /// The character that stands for a byte, as a token writes it.
  [[nodiscard]] std::string letter(unsigned char byte) const {
    std::string text;
    append_utf8(text, codes_[byte]);
    return text;
  }

  /// The bytes that a token stands for; none where it has a character of no byte.
  [[nodiscard]] std::optional<std::string> bytes_of(std::string_view token) const {
    std::string bytes;
    while (!token.empty()) {
      auto const [code, length] = first_character(token);
      bool const known = length != 0 && code < bytes_.size() && (bytes_[code] != 0 || code == codes_[0]);
      if (!known) {
        return std::nullopt;
      }
      bytes += bytes_[code];
      token.remove_prefix(length);
    }
    return bytes;
  }

 private:
  std::array<char32_t, 256> codes_{};
  std::array<char, 324> bytes_{};  // 68 bytes are written as 256 to 323
};

}  // namespace dfrot::program
