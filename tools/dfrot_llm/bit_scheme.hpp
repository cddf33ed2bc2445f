#pragma once

#include <string>
#include <string_view>

namespace dfrot::program {

/// Bits of weights, activations and KV cache, as the paper's table names them: 4-4-16. 16 bits: left as they are.
struct bit_scheme {
  int weights = 16;
  int activations = 16;
  int kv = 16;

  friend bool operator==(bit_scheme const&, bit_scheme const&) = default;
};

/// Reads "4-4-16", or "W4A4", "W4A16KV8" (what is not named has 16 bits).
/// Throws: std::invalid_argument naming the text and what is allowed: 4, 8 or 16 bits.
[[nodiscard]] bit_scheme parse_bit_scheme(std::string_view text);

/// "4-4-16".
[[nodiscard]] std::string name_of(bit_scheme const& scheme);

}  // namespace dfrot::program
