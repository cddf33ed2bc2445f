#pragma once

#include <string>
#include <string_view>

namespace dfrot::program {

/// A text as it may be shown anywhere: on one line of a terminal, in JSON, in XML. Names of files are any bytes; those
/// that are no UTF-8, control characters, noncharacters, and what breaks or turns the line around it become \x and two
/// hexadecimal digits a byte. All else stays as it is. @post UTF-8 without control characters
[[nodiscard]] std::string visible_text(std::string_view text);

}  // namespace dfrot::program
