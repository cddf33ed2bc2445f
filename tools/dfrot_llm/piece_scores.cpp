#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "merge_symbols.hpp"
#include "support/visible_text.hpp"
#include "token_encoder.hpp"
#include "utf8.hpp"
#include "word_ids.hpp"

namespace dfrot::program {

namespace {

/// How tokens write a space: U+2581.
constexpr std::string_view written_space = "\xe2\x96\x81";

int digit_of(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/// The byte of a token <0x0A>; none for any other text.
std::optional<unsigned char> byte_of(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>' || digit_of(token[3]) < 0 ||
      digit_of(token[4]) < 0) {
    return std::nullopt;
  }
  return static_cast<unsigned char>(16 * digit_of(token[3]) + digit_of(token[4]));
}

/// Bytes of the first word of a text: up to a space that follows another character.
std::size_t length_of_word(std::string_view text) {
  std::size_t spaces = 0;
  while (text.substr(spaces, written_space.size()) == written_space) {
    spaces += written_space.size();
  }
  return std::min(text.find(written_space, spaces), text.size());
}

class piece_scores final : public token_encoder {
 public:
  explicit piece_scores(vocabulary const& from) : space_before_(from.space_before), scores_(from.scores) {
    if (scores_.size() != from.tokens.size()) {
      throw io_error(message("the vocabulary has ", scores_.size(), " scores for ", from.tokens.size(),
                             " tokens: the model file is damaged"));
    }
    bytes_.fill(-1);
    for (std::size_t id = 0; id < from.tokens.size(); ++id) {
      std::string const& token = from.tokens[id];
      token_kind const kind = from.kinds.empty() ? token_kind::normal : from.kinds[id];
      auto const number = static_cast<std::int32_t>(id);
      if (!std::isfinite(scores_[id])) {
        throw io_error(message("the score of token ", id, ", '", visible_text(token), "', is ", scores_[id],
                               ": the model file is damaged"));
      }
      auto const byte = kind == token_kind::byte ? byte_of(token) : std::nullopt;
      if (byte) {
        bytes_[*byte] = number;
      } else if (kind == token_kind::normal || kind == token_kind::user_defined) {
        ids_.emplace(token, number);
        across_spaces_ = across_spaces_ || length_of_word(token) < token.size();
      } else if (kind == token_kind::unknown && unknown_ < 0) {
        unknown_ = number;
      }
    }
  }

  void encode(std::string_view text, bool begins, std::vector<std::int32_t>& ids) const override {
    std::string written;
    written += begins && space_before_ ? written_space : "";
    for (char const c : text) {
      c == ' ' ? written += written_space : written += c;
    }
    word_ids kept([this](std::string_view word) { return ids_of(word); });
    for (std::string_view rest = written; !rest.empty();) {
      std::size_t const length = across_spaces_ ? rest.size() : length_of_word(rest);
      kept.append(rest.substr(0, length), ids);
      rest.remove_prefix(length);
    }
  }

  [[nodiscard]] std::string bytes_of(std::string const& token) const override {
    if (auto const byte = byte_of(token); byte && bytes_[*byte] >= 0) {
      return std::string(1, static_cast<char>(*byte));
    }
    std::string text;
    for (std::size_t place = 0; place < token.size();) {
      bool const space = token.compare(place, written_space.size(), written_space) == 0;
      text += space ? ' ' : token[place];
      place += space ? written_space.size() : 1;
    }
    return text;
  }

 private:
  /// Merges a word.
  [[nodiscard]] std::vector<std::int32_t> ids_of(std::string_view word) const {
    std::vector<symbol> symbols;
    for (std::size_t place = 0; place < word.size(); place += symbols.back().length) {
      std::size_t const length = first_character(word.substr(place)).length;
      symbols.push_back({place, length, find(word.substr(place, length))});
    }
    merge_symbols(symbols, [&](symbol const& left, symbol const& right) -> std::optional<merge> {
      std::int32_t const id = find(word.substr(left.begin, left.length + right.length));
      return id < 0 ? std::nullopt : std::optional<merge>({-double{scores_[static_cast<std::size_t>(id)]}, id});
    });
    std::vector<std::int32_t> ids;
    for (symbol const& each : symbols) {
      if (each.token >= 0) {
        ids.push_back(each.token);
      } else {
        append_bytes(word.substr(each.begin, each.length), ids);
      }
    }
    return ids;
  }

  [[nodiscard]] std::int32_t find(std::string_view token) const {
    auto const found = ids_.find(std::string(token));
    return found == ids_.end() ? -1 : found->second;
  }

  /// A character that is no token: its bytes, or else the unknown token.
  void append_bytes(std::string_view character, std::vector<std::int32_t>& ids) const {
    bool const all = std::all_of(character.begin(), character.end(),
                                 [this](char c) { return bytes_[static_cast<unsigned char>(c)] >= 0; });
    if (!all && unknown_ < 0) {
      throw io_error(message("the vocabulary has no token for '", visible_text(character),
                             "', none for its bytes, and none for what is unknown: tokenize elsewhere and give the ",
                             "token ids (--ids)"));
    }
    if (!all) {
      ids.push_back(unknown_);
      return;
    }
    for (char const c : character) {
      ids.push_back(bytes_[static_cast<unsigned char>(c)]);
    }
  }

  bool space_before_;
  std::vector<float> scores_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::array<std::int32_t, 256> bytes_{};
  std::int32_t unknown_ = -1;
  bool across_spaces_ = false;  // a token has a space after another character: words are not merged by themselves
};

}  // namespace

std::unique_ptr<token_encoder> make_scores(vocabulary const& from) { return std::make_unique<piece_scores>(from); }

}  // namespace dfrot::program
