#include "tokenizer.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "regular_expression.hpp"
#include "support/visible_text.hpp"
#include "token_encoder.hpp"
#include "utf8.hpp"

namespace dfrot::program {

namespace {

/// A regular expression that matches one of these texts, the longest of those that begin at a place; none for none.
std::optional<regular_expression> any_of(std::vector<std::string> texts) {
  if (texts.empty()) {
    return std::nullopt;
  }
  std::sort(texts.begin(), texts.end(), [](std::string const& a, std::string const& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  std::string pattern;
  for (std::string const& text : texts) {
    pattern += pattern.empty() ? "" : "|";
    for (char const c : text) {  // an escaped sign stands for itself; letters, digits and other bytes do anyway
      bool const sign =
          c > 0 && c < 0x7f && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z');
      pattern += sign ? std::string{'\\', c} : std::string(1, c);
    }
  }
  return regular_expression(pattern);
}

bool is_special(token_kind kind) {
  return kind == token_kind::control || kind == token_kind::unknown || kind == token_kind::user_defined ||
         kind == token_kind::unused;
}

}  // namespace

void check_utf8(std::string_view text, std::string_view name) {
  if (std::optional<std::size_t> const place = first_invalid_byte(text)) {
    throw io_error(message(name, ": byte ", *place, " (counted from 0), ", hexadecimal(text[*place]),
                           ", is not UTF-8: convert the text, as iconv -t UTF-8 does"));
  }
}

struct tokenizer::parts {
  explicit parts(vocabulary const& from) : tokens(from.tokens), kinds(from.kinds) {
    if (!kinds.empty() && kinds.size() != tokens.size()) {
      throw io_error(message("the vocabulary has ", kinds.size(), " kinds for ", tokens.size(),
                             " tokens: the model file is damaged"));
    }
    kinds.resize(tokens.size(), token_kind::normal);
    encoder = from.model == token_model::byte_pairs ? make_byte_pairs(from) : make_scores(from);
    std::vector<std::string> user_defined;
    std::vector<std::string> on_request;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      bool const user = kinds[id] == token_kind::user_defined;
      if (tokens[id].empty() || (!user && kinds[id] != token_kind::control)) {
        continue;
      }
      check_utf8(tokens[id], message("token ", id, " of the vocabulary"));
      special_ids.emplace(tokens[id], static_cast<std::int32_t>(id));
      on_request.push_back(tokens[id]);
      if (user) {
        user_defined.push_back(tokens[id]);
      }
    }
    matched_always = any_of(std::move(user_defined));
    matched_on_request = any_of(std::move(on_request));
    if (!from.refused.empty()) {
      refused.emplace(from.refused);
    }
  }

  std::vector<std::string> tokens;
  std::vector<token_kind> kinds;
  std::unique_ptr<token_encoder> encoder;
  std::unordered_map<std::string, std::int32_t> special_ids;
  std::optional<regular_expression> matched_always;
  std::optional<regular_expression> matched_on_request;
  std::optional<regular_expression> refused;
};

tokenizer::tokenizer(vocabulary const& from) : parts_(std::make_shared<parts const>(from)) {}

std::size_t tokenizer::size() const { return parts_->tokens.size(); }

std::vector<std::int32_t> tokenizer::encode(std::string_view text, control_tokens controls) const {
  check_utf8(text, "the text");
  if (parts_->refused) {
    parts_->refused->for_each_match(text, [&](std::size_t first, std::size_t last) {
      throw io_error(message("the text: byte ", first, " (counted from 0) begins '",
                             visible_text(text.substr(first, last - first)),
                             "', which Unicode's normal form C may write otherwise, and the model wants that form: ",
                             "normalize the text and tokenize it elsewhere, and give the token ids (--ids)"));
    });
  }
  std::vector<std::int32_t> ids;
  std::size_t done = 0;
  bool begins = true;
  auto const encode_rest = [&](std::size_t end) {
    if (end > done) {
      parts_->encoder->encode(text.substr(done, end - done), begins, ids);
      begins = false;
    }
  };
  auto const& special = controls == control_tokens::matched ? parts_->matched_on_request : parts_->matched_always;
  if (special) {
    special->for_each_match(text, [&](std::size_t first, std::size_t last) {
      encode_rest(first);
      ids.push_back(parts_->special_ids.at(std::string(text.substr(first, last - first))));
      begins = true;
      done = last;
    });
  }
  encode_rest(text.size());
  return ids;
}

std::string tokenizer::bytes_of(std::int32_t id) const {
  expects(id >= 0 && static_cast<std::size_t>(id) < size(), "token id ", id, " is not below ", size());
  auto const place = static_cast<std::size_t>(id);
  std::string const& token = parts_->tokens[place];
  return is_special(parts_->kinds[place]) ? token : parts_->encoder->bytes_of(token);
}

std::string tokenizer::decode(std::vector<std::int32_t> const& ids) const {
  std::string text;
  for (std::int32_t const id : ids) {
    text += bytes_of(id);
  }
  return text;
}

}  // namespace dfrot::program
