#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "byte_alphabet.hpp"
#include "merge_symbols.hpp"
#include "support/visible_text.hpp"
#include "token_encoder.hpp"
#include "word_ids.hpp"

namespace dfrot::program {

namespace {

std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32u | static_cast<std::uint32_t>(right);
}

class byte_pairs final : public token_encoder {
 public:
  explicit byte_pairs(vocabulary const& from) : words_(from.split) {
    std::unordered_map<std::string_view, std::int32_t> ids;
    for (std::size_t id = 0; id < from.tokens.size(); ++id) {
      if (from.kinds.empty() || from.kinds[id] == token_kind::normal || from.kinds[id] == token_kind::byte) {
        ids.emplace(from.tokens[id], static_cast<std::int32_t>(id));
      }
    }
    for (std::size_t byte = 0; byte < 256; ++byte) {
      auto const found = ids.find(alphabet_.letter(static_cast<unsigned char>(byte)));
      letters_[byte] = found == ids.end() ? -1 : found->second;
    }
    add_merges(from, ids);
    for (auto const& [token, id] : ids) {
      auto const bytes = from.whole_words_first ? alphabet_.bytes_of(token) : std::nullopt;
      if (bytes) {
        whole_words_.emplace(*bytes, id);
      }
    }
  }

  void encode(std::string_view text, bool /*begins*/, std::vector<std::int32_t>& ids) const override {
    word_ids kept([this](std::string_view word) { return ids_of(word); });
    for (std::string_view const word : words_.words(text)) {
      kept.append(word, ids);
    }
  }

  [[nodiscard]] std::string bytes_of(std::string const& token) const override {
    return alphabet_.bytes_of(token).value_or(token);
  }

 private:
  void add_merges(vocabulary const& from, std::unordered_map<std::string_view, std::int32_t> const& ids) {
    for (std::size_t rank = 0; rank < from.merges.size(); ++rank) {
      std::string const& line = from.merges[rank];
      std::size_t const space = line.find(' ');
      auto const id_of = [&](std::string const& token) {
        auto const found = ids.find(token);
        if (found == ids.end()) {
          throw io_error(message("merge ", rank, " of the vocabulary, '", visible_text(line), "': '",
                                 visible_text(token), "' is no token: the model file is damaged"));
        }
        return found->second;
      };
      if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
        throw io_error(message("merge ", rank, " of the vocabulary, '", visible_text(line),
                               "', is not two tokens with a space between them: the model file is damaged"));
      }
      std::string const left = line.substr(0, space);
      std::string const right = line.substr(space + 1);
      std::int32_t const left_id = id_of(left);
      std::int32_t const right_id = id_of(right);
      merges_.try_emplace(pair_of(left_id, right_id), merge{static_cast<double>(rank), id_of(left + right)});
    }
  }

  [[nodiscard]] std::vector<std::int32_t> ids_of(std::string_view word) const {
    if (auto const found = whole_words_.find(std::string(word)); found != whole_words_.end()) {
      return {found->second};
    }
    std::vector<symbol> symbols;
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::int32_t const letter = letters_[static_cast<unsigned char>(word[i])];
      if (letter < 0) {
        throw io_error(message("the vocabulary has no token for the byte ", hexadecimal(word[i]), " in '",
                               visible_text(word.substr(0, 40)),
                               "': tokenize elsewhere and give the token ids (--ids)"));
      }
      symbols.push_back({i, 1, letter});
    }
    merge_symbols(symbols, [this](symbol const& left, symbol const& right) {
      auto const found = merges_.find(pair_of(left.token, right.token));
      return found == merges_.end() ? std::nullopt : std::optional<merge>(found->second);
    });
    std::vector<std::int32_t> ids;
    for (symbol const& each : symbols) {
      ids.push_back(each.token);
    }
    return ids;
  }

  byte_alphabet alphabet_;
  pre_tokenizer words_;
  std::array<std::int32_t, 256> letters_{};
  std::unordered_map<std::uint64_t, merge> merges_;
  std::unordered_map<std::string, std::int32_t> whole_words_;  // by their bytes
};

}  // namespace

std::unique_ptr<token_encoder> make_byte_pairs(vocabulary const& from) { return std::make_unique<byte_pairs>(from); }

}  // namespace dfrot::program
