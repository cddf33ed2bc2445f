#include "support/visible_text.hpp"

#include <cstddef>
#include <cstdint>

namespace dfrot::program {

namespace {

/// Bytes of the character that the text begins with; 0 where there is no character that may be shown.
std::size_t length_of_visible(std::string_view text) {
  auto const first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) {
    return first >= ' ' && first != 0x7f ? 1 : 0;
  }
  std::size_t const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) {
    return 0;
  }
  std::uint32_t character = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    auto const next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0u) != 0x80) {
      return 0;
    }
    character = (character << 6u) | (next & 0x3fu);
  }
  constexpr std::uint32_t least[5] = {0, 0, 0xa0, 0x800, 0x10000};  // 0x80 to 0x9f are control characters
  bool const surrogate = character >= 0xd800 && character <= 0xdfff;
  bool const noncharacter = (character & 0xfffeu) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef);
  // Ends of lines and paragraphs, and what has no width or changes the direction of the text around it.
  bool const layout = (character >= 0x200b && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
                      (character >= 0x2060 && character <= 0x206f) || character == 0xfeff;
  bool const visible = character >= least[length] && character <= 0x10ffff && !surrogate && !noncharacter && !layout;
  return visible ? length : 0;
}

}  // namespace

std::string visible_text(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    std::size_t const length = length_of_visible(text);
    if (length == 0) {
      auto const byte = static_cast<unsigned char>(text[0]);
      shown += "\\x";
      shown += "0123456789abcdef"[byte >> 4u];
      shown += "0123456789abcdef"[byte & 15u];
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

}  // namespace dfrot::program
