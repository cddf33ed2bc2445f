// tokenizer.json: what is read from it, and what is refused by name.

#include "dfrot_llm/tokenizer_json.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <dfrot/io/io_error.hpp>

#include "dfrot_llm/tokenizer.hpp"
#include "support/catch.hpp"

using namespace dfrot::program;
using dfrot::test::contains_text;
using ids = std::vector<std::int32_t>;

namespace {

/// Letters a to c and a space; ab and abc are merged; <end> is a control token, <x> one of a user.
std::string const good = R"({
  "version": "1.0",
  "added_tokens": [{"id": 6, "content": "<end>", "special": true, "lstrip": true},
                   {"id": 8, "content": "<x>", "special": false, "lstrip": false}],
  "normalizer": null,
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "c+|[^c]+"}, "behavior": "Isolated", "invert": false},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "", "end_of_word_suffix": null,
    "byte_fallback": false, "ignore_merges": false,
    "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "aba": 5, "<end>": 6},
    "merges": ["a b", ["ab", "a"]]}
})";

vocabulary read(std::string const& text) {
  auto const path = std::filesystem::temp_directory_path() / ("dfrot_tokenizer_" + std::to_string(getpid()));
  std::ofstream(path, std::ios::binary) << text;
  try {
    vocabulary result = read_tokenizer_json(path);
    std::filesystem::remove(path);
    return result;
  } catch (...) {
    std::filesystem::remove(path);
    throw;
  }
}

std::string with(std::string const& part, std::string const& instead) {
  std::string text = good;
  std::size_t const place = text.find(part);
  REQUIRE(place != std::string::npos);
  return text.replace(place, part.size(), instead);
}

}  // namespace

TEST_CASE("a tokenizer.json becomes a tokenizer") {
  tokenizer const words(read(good));
  CHECK(words.size() == 9);
  CHECK(words.encode("aba ccba") == ids{5, 3, 2, 2, 1, 0});
  CHECK(words.encode("a<x>b") == ids{0, 8, 1});
  CHECK(words.encode("<x><end>", control_tokens::matched) == ids{8, 6});
  CHECK_THROWS_WITH(words.encode("<end>"), contains_text("no token for the byte 0x3c"));
  tokenizer const whole(read(with(R"("ignore_merges": false)", R"("ignore_merges": true)")));
  CHECK(whole.encode("aba") == ids{5});
  // Only what matches is kept, and bytes by GPT-2's words.
  tokenizer const removing(read(with(R"("Isolated", "invert": false)", R"("Removed", "invert": true)")));
  CHECK(removing.encode("abc") == ids{4, 2});
  tokenizer const plain(read(with(R"("use_regex": false)", R"("use_regex": true)")));
  CHECK(plain.encode("ab ab") == ids{4, 3, 4});
}

TEST_CASE("text that a normal form would change is refused, other text is not") {
  std::string const normal = with(R"("normalizer": null)", R"("normalizer": {"type": "NFC"})");
  tokenizer const words(read(normal));
  CHECK(words.encode("abc") == ids{4, 2});
  for (std::string const changed : {"a\u0301", "\u212b", "\u1100\u1161", "\u0316\u035c", "\uf900"}) {
    CAPTURE(changed);
    CHECK_THROWS_WITH(words.encode("ab" + changed), contains_text("normal form C") && contains_text("byte "));
  }
  for (std::string const kept : {"\u00e9", "\u0915\u0947", "o\u030d", "\uac01", "\u4e2d"}) {
    CAPTURE(kept);  // accepted, as far as normal forms go
    CHECK_THROWS_WITH(words.encode(kept), contains_text("has no token"));
  }
}

TEST_CASE("parts that are not supported are refused by name, with what to do") {
  auto const refuses = [](std::string const& part, std::string const& instead, std::string const& reason) {
    CAPTURE(instead);
    CHECK_THROWS_WITH(tokenizer(read(with(part, instead))), contains_text(reason));
  };
  refuses(R"("type": "BPE")", R"("type": "Unigram")", "model of type Unigram is not supported");
  refuses(R"("normalizer": null)", R"("normalizer": {"type": "Lowercase"})", "normalizer of type Lowercase");
  refuses(R"({"type": "Split")", R"({"type": "Metaspace")", "pre_tokenizer of type Metaspace");
  refuses(R"("Isolated")", R"("MergedWithNext")", "Split with behavior MergedWithNext");
  refuses(R"("Isolated", "invert": false)", R"("Isolated", "invert": true)", "Split with behavior Isolated, inverted");
  refuses(R"({"Regex": "c+|[^c]+"})", R"({"String": "c"})", "a pattern that is no Regex");
  refuses(R"("c+|[^c]+")", R"("c+|[^c+")", "the regular expression c+|[^c+");
  refuses(R"("c+|[^c]+")", R"("\\h")", "\\h is not supported");
  refuses(R"("add_prefix_space": false)", R"("add_prefix_space": true)", "ByteLevel with add_prefix_space");
  refuses(R"("dropout": null)", R"("dropout": 0.1)", "model.dropout");
  refuses(R"("continuing_subword_prefix": "")", R"("continuing_subword_prefix": "@")", "continuing_subword_prefix");
  refuses(R"("byte_fallback": false)", R"("byte_fallback": true)", "model.byte_fallback");
  refuses(R"("special": false, "lstrip": false)", R"("special": false, "lstrip": true)",
          "added token '<x>' with lstrip");
  refuses("ByteLevel", "Digits", "pre_tokenizer has no ByteLevel");
  refuses(R"("use_regex": false})", R"("use_regex": false}, {"type": "Digits"})", "a pre_tokenizer after ByteLevel");
}

TEST_CASE("a tokenizer.json that is damaged is refused with its name") {
  for (std::size_t size = 0; size < good.size(); size += 7) {
    CAPTURE(size);
    CHECK_THROWS_AS(read(good.substr(0, size)), dfrot::io_error);
  }
  auto const refuses = [](std::string const& part, std::string const& instead, std::string const& reason) {
    CAPTURE(instead);
    CHECK_THROWS_WITH(read(with(part, instead)), contains_text(reason) && contains_text("dfrot_tokenizer_"));
  };
  refuses(R"("a": 0)", R"("a": -1)", "the id of token 'a'");
  refuses(R"("a": 0)", R"("a": 1000000000000)", "the id of token 'a'");
  refuses(R"("a": 0)", R"("a": 1042)", "is no whole number below 1042");  // 7 and 2 tokens
  refuses(R"("a": 0)", R"("a": 0.5)", "the id of token 'a'");
  refuses(R"("a": 0)", R"("a": 1)", "id 1 is that of 'a' and of 'b'");
  refuses(R"("a": 0)", R"("a": 0, "a": 0)", "holds a key twice");
  refuses(R"("id": 8)", R"("id": 4)", "id 4 is that of 'ab' and of '<x>'");
  refuses(R"("content": "<x>", )", "", "added_tokens.content is missing");
  refuses(R"("vocab")", R"("words")", "model.vocab is missing");
  refuses(R"("a b")", "7", "merge 0 is neither a text nor a pair of texts");
  refuses(R"("model": {)", R"("model": 3, "other": {)", "model.type is missing");
  refuses(R"("special": true)", R"("special": 1)", "special is neither true nor false");
  refuses(R"("normalizer": null)", R"("normalizer": )" + std::string(40, '[') + std::string(40, ']'),
          "nested too deeply");
  CHECK_THROWS_WITH(tokenizer(read(with(R"("a b")", R"("a c")"))), contains_text("'ac' is no token"));
}
