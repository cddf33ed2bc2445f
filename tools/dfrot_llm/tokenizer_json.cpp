#include "tokenizer_json.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/strict_json.hpp>

#include "support/visible_text.hpp"
#include "whole_file.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::json;

/// What Unicode's normal form C may change: a character whose property NFC_Quick_Check is not Yes (or, for the sake of short ranges,
/// one near it), and two marks in a row, whose order may be another.
/// Source: Unicode Standard Annex 15, section 9. Made from the tables of Unicode 14.
constexpr char const* changed_by_form_c =
    R"([\x{300}-\x{304}\x{306}-\x{30C}\x{30F}\x{311}\x{313}-\x{314}\x{31B}\x{323}-\x{328}\x{32D}-\x{32E})"
    R"(\x{330}-\x{331}\x{338}\x{340}-\x{345}\x{374}\x{37E}\x{387}\x{653}-\x{655}\x{93C}\x{958}-\x{95F})"
    R"(\x{9BE}\x{9D7}-\x{9DF}\x{A33}-\x{A36}\x{A59}-\x{A5E}\x{B3E}\x{B56}-\x{B5D}\x{BBE}\x{BD7}\x{C56})"
    R"(\x{CC2}\x{CD5}-\x{CD6}\x{D3E}\x{D57}\x{DCA}-\x{DDF}\x{F43}-\x{F81}\x{F93}-\x{FB9}\x{102E})"
    R"(\x{1161}-\x{1175}\x{11A8}-\x{11C2}\x{1B35}\x{1F71}-\x{1F7D}\x{1FBB}-\x{2001}\x{2126}-\x{212B})"
    R"(\x{2329}-\x{232A}\x{2ADC}\x{3099}-\x{309A}\x{F900}-\x{FAD9}\x{FB1D}-\x{FB4E}\x{110BA}\x{11127})"
    R"(\x{1133E}\x{11357}\x{114B0}-\x{114BD}\x{115AF}\x{11930}\x{1D15E}-\x{1D164}\x{1D1BB}-\x{1D1C0})"
    R"(\x{2F800}-\x{2FA1D}])"
    R"(|\p{M}\p{M})";

/// The file while it is read: what is missing or not supported is an error that names it.
class tokenizer_file {
 public:
  explicit tokenizer_file(std::filesystem::path const& path) : name_(visible_text(path.string())) {
    document_ = parse_strictly<json>(read_whole_file(path));
    if (!document_.is_object()) {
      fail("it is no JSON object, holds a key twice, or is nested too deeply: take the model's tokenizer.json");
    }
  }

  [[nodiscard]] vocabulary read() {
    vocabulary result;
    json const& model = member(document_, "model", "");
    require_type(model, "model", {"BPE"});
    auto const added = document_.find("added_tokens");
    most_ids_ = 2 * (member(model, "vocab", "model.").size() + (added == document_.end() ? 0 : added->size())) + 1024;
    read_model(model, result);
    read_added_tokens(result);
    read_normalizer(result);
    auto const pre = document_.find("pre_tokenizer");
    bool const has_bytes = pre != document_.end() && !pre->is_null() && read_pre_tokenizer(*pre, result);
    if (!has_bytes) {
      fail(
          "pre_tokenizer has no ByteLevel: only byte-level BPE is supported; take the model's GGUF, or give token "
          "ids (--ids)");
    }
    return result;
  }

 private:
  [[noreturn]] void fail(std::string const& what) const { throw io_error(message(name_, ": ", what)); }
  [[noreturn]] void refuse(std::string const& what) const {
    fail(what + " is not supported: take the model's GGUF, or tokenize elsewhere and give the token ids (--ids)");
  }

  json const& member(json const& of, char const* key, std::string const& where) const {
    auto const found = of.is_object() ? of.find(key) : of.end();
    if (!of.is_object() || found == of.end()) {
      fail(message(where, key, " is missing"));
    }
    return *found;
  }

  std::string text(json const& of, char const* key, std::string const& where) const {
    json const& value = member(of, key, where);
    if (!value.is_string()) {
      fail(message(where, key, " is no text"));
    }
    return value.get<std::string>();
  }

  /// A flag; `without` where it is missing or null.
  bool flag(json const& of, char const* key, bool without) const {
    auto const found = of.find(key);
    if (found == of.end() || found->is_null()) {
      return without;
    }
    if (!found->is_boolean()) {
      fail(message(key, " is neither true nor false"));
    }
    return found->get<bool>();
  }

  void require_type(json const& part, std::string const& where, std::initializer_list<char const*> supported) const {
    std::string const type = text(part, "type", where + ".");
    if (std::find(supported.begin(), supported.end(), type) == supported.end()) {
      refuse(message(where, " of type ", visible_text(type)));
    }
  }

  void set_token(vocabulary& result, std::string const& token, json const& id, token_kind kind) const {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= most_ids_) {
      fail(message("the id of token '", visible_text(token), "' is no whole number below ", most_ids_,
                   " (twice as many as there are tokens, and 1024)"));
    }
    auto const place = id.get<std::size_t>();
    if (place >= result.tokens.size()) {
      result.tokens.resize(place + 1);
      result.kinds.resize(place + 1, token_kind::unused);
    }
    bool const taken = result.kinds[place] != token_kind::unused && result.tokens[place] != token;
    if (taken) {
      fail(message("id ", place, " is that of '", visible_text(result.tokens[place]), "' and of '", visible_text(token),
                   "'"));
    }
    result.tokens[place] = token;
    result.kinds[place] = kind;
  }

  void read_model(json const& model, vocabulary& result) const {
    for (char const* const part : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      auto const found = model.find(part);
      if (found != model.end() && !found->is_null() && *found != "") {
        refuse(message("model.", part));
      }
    }
    auto const dropout = model.find("dropout");
    if (dropout != model.end() && !dropout->is_null() && *dropout != 0) {
      refuse("model.dropout");
    }
    if (flag(model, "byte_fallback", false)) {
      refuse("model.byte_fallback");
    }
    result.whole_words_first = flag(model, "ignore_merges", false);
    json const& words = member(model, "vocab", "model.");
    if (!words.is_object()) {
      fail("model.vocab is no object");
    }
    for (auto const& [token, id] : words.items()) {
      set_token(result, token, id, token_kind::normal);
    }
    for (json const& each : member(model, "merges", "model.")) {
      bool const pair = each.is_array() && each.size() == 2 && each[0].is_string() && each[1].is_string();
      if (!pair && !each.is_string()) {
        fail(message("merge ", result.merges.size(), " is neither a text nor a pair of texts"));
      }
      result.merges.push_back(pair ? each[0].get<std::string>() + " " + each[1].get<std::string>()
                                   : each.get<std::string>());
    }
  }

  void read_added_tokens(vocabulary& result) const {
    auto const added = document_.find("added_tokens");
    if (added == document_.end() || added->is_null()) {
      return;
    }
    for (json const& each : *added) {
      std::string const token = text(each, "content", "added_tokens.");
      bool const special = flag(each, "special", false);
      for (char const* const part : {"single_word", "lstrip", "rstrip"}) {
        if (!special && flag(each, part, false)) {
          refuse(message("the added token '", visible_text(token), "' with ", part));
        }
      }
      set_token(result, token, member(each, "id", "added_tokens."),
                special ? token_kind::control : token_kind::user_defined);
    }
  }

  void read_normalizer(vocabulary& result) const {
    auto const found = document_.find("normalizer");
    if (found != document_.end() && !found->is_null()) {
      require_type(*found, "normalizer", {"NFC"});
      result.refused = changed_by_form_c;
    }
  }

  /// Appends the steps. Returns whether bytes become letters at the end of them.
  bool read_pre_tokenizer(json const& part, vocabulary& result) const {
    require_type(part, "pre_tokenizer", {"Sequence", "Split", "Digits", "ByteLevel"});
    std::string const type = text(part, "type", "");
    if (type == "ByteLevel") {
      if (flag(part, "add_prefix_space", true)) {
        refuse("pre_tokenizer ByteLevel with add_prefix_space");
      }
      if (flag(part, "use_regex", true)) {
        result.split.push_back({byte_level_pattern()});
      }
      return true;
    }
    if (type == "Digits") {
      result.split.push_back({flag(part, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)"});
    } else if (type == "Split") {
      result.split.push_back(split(part));
    } else {
      bool has_bytes = false;
      for (json const& each : member(part, "pretokenizers", "pre_tokenizer.")) {
        if (has_bytes) {
          refuse("a pre_tokenizer after ByteLevel");
        }
        has_bytes = read_pre_tokenizer(each, result);
      }
      return has_bytes;
    }
    return false;
  }

  split_step split(json const& part) const {
    std::string const behavior = text(part, "behavior", "pre_tokenizer.");
    bool const inverted = flag(part, "invert", false);
    if ((behavior != "Isolated" || inverted) && (behavior != "Removed" || !inverted)) {
      refuse(message("pre_tokenizer Split with behavior ", visible_text(behavior), inverted ? ", inverted," : ""));
    }
    json const& pattern = member(part, "pattern", "pre_tokenizer.");
    if (!pattern.is_object() || pattern.find("Regex") == pattern.end()) {
      refuse("pre_tokenizer Split by a pattern that is no Regex");
    }
    return {text(pattern, "Regex", "pre_tokenizer.pattern."), behavior == "Isolated"};
  }

  std::string name_;
  json document_;
  std::uint64_t most_ids_ = 0;  // ids may have gaps, but a small file must not ask for much memory
};

}  // namespace

vocabulary read_tokenizer_json(std::filesystem::path const& path) { return tokenizer_file(path).read(); }

}  // namespace dfrot::program
