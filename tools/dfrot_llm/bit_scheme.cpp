#include "bit_scheme.hpp"

#include <optional>
#include <vector>

#include <dfrot/core/expects.hpp>

#include "support/number_text.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

std::optional<int> bits_of(std::string_view digits) {
  std::optional<int> const bits = parse_integer<int>(digits);
  return bits == 4 || bits == 8 || bits == 16 ? bits : std::nullopt;
}

/// W-A-KV.
std::optional<bit_scheme> parse_numbers(std::string_view text) {
  std::size_t const first = text.find('-');
  std::size_t const second = first == std::string_view::npos ? first : text.find('-', first + 1);
  if (second == std::string_view::npos) {
    return std::nullopt;
  }
  auto const weights = bits_of(text.substr(0, first));
  auto const activations = bits_of(text.substr(first + 1, second - first - 1));
  auto const kv = bits_of(text.substr(second + 1));
  return weights && activations && kv ? std::optional(bit_scheme{*weights, *activations, *kv}) : std::nullopt;
}

/// W4, W4A8, W4A8KV4, A4, ...: letters in this order, each with its bits.
std::optional<bit_scheme> parse_letters(std::string_view text) {
  bit_scheme scheme;
  bool any = false;
  auto const take = [&](std::string_view letters, int& bits) {
    if (text.substr(0, letters.size()) != letters) {
      return true;
    }
    std::string_view const rest = text.substr(letters.size());
    std::size_t const end = rest.find_first_not_of("0123456789");
    auto const found = bits_of(rest.substr(0, end));
    text = end == std::string_view::npos ? "" : rest.substr(end);
    bits = found.value_or(0);
    any = true;
    return found.has_value();
  };
  bool const known = take("W", scheme.weights) && take("A", scheme.activations) && take("KV", scheme.kv);
  return known && any && text.empty() ? std::optional(scheme) : std::nullopt;
}

}  // namespace

bit_scheme parse_bit_scheme(std::string_view text) {
  auto scheme = parse_numbers(text);
  scheme = scheme ? scheme : parse_letters(text);
  if (!scheme) {
    reject(message("the scheme '", visible_text(text),
                   "' is not known: write the bits of weights, activations and KV cache, each 4, 8 or 16 (not "
                   "quantized), as in 4-4-16, W4A4 or W4A4KV4"));
  }
  return *scheme;
}

std::string name_of(bit_scheme const& scheme) {
  return message(scheme.weights, "-", scheme.activations, "-", scheme.kv);
}

}  // namespace dfrot::program
