// Tokenizers of dfrot-llm: merges counted by hand, words, special tokens, and the text whose ids another program has made.

#include "dfrot_llm/tokenizer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <dfrot/io/gguf.hpp>
#include <dfrot/io/io_error.hpp>

#include "dfrot_llm/byte_alphabet.hpp"
#include "dfrot_llm/gguf_vocabulary.hpp"
#include "dfrot_llm/text_source.hpp"
#include "dfrot_llm/token_ids.hpp"
#include "dfrot_llm/utf8.hpp"
#include "support/catch.hpp"

using namespace dfrot::program;
using dfrot::test::contains_text;
using ids = std::vector<std::int32_t>;

namespace {

/// Ids 0 to 255 are the bytes; then what each merge makes, in order. Merges name bytes by their letters: a space is Ġ.
vocabulary bytes_and(std::vector<std::string> const& merges, std::string const& pre = "gpt-2") {
  vocabulary made;
  byte_alphabet const alphabet;
  for (int byte = 0; byte < 256; ++byte) {
    made.tokens.push_back(alphabet.letter(static_cast<unsigned char>(byte)));
  }
  for (std::string merge : merges) {
    made.merges.push_back(merge);
    merge.erase(merge.find(' '), 1);
    made.tokens.push_back(merge);
  }
  made.split = split_steps_of(pre);
  made.kinds.assign(made.tokens.size(), token_kind::normal);
  return made;
}

void add_token(vocabulary& to, std::string const& token, token_kind kind) {
  to.tokens.push_back(token);
  to.kinds.push_back(kind);
}

std::vector<std::string> words_of(std::string const& pre, std::string const& text) {
  std::vector<std::string> words;
  for (std::string_view const word : pre_tokenizer(split_steps_of(pre)).words(text)) {
    words.emplace_back(word);
  }
  return words;
}

/// <unk>, <s>, </s>, the bytes, then pieces and their scores, as LLaMA has them.
vocabulary pieces(std::vector<std::pair<std::string, float>> const& scored) {
  vocabulary made;
  made.model = token_model::scores;
  add_token(made, "<unk>", token_kind::unknown);
  add_token(made, "<s>", token_kind::control);
  add_token(made, "</s>", token_kind::control);
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    add_token(made, name, token_kind::byte);
  }
  made.scores.assign(made.tokens.size(), 0);
  for (auto const& [piece, score] : scored) {
    add_token(made, piece, token_kind::normal);
    made.scores.push_back(score);
  }
  return made;
}

std::int32_t id_of(vocabulary const& in, std::string const& token) {
  auto const found = std::find(in.tokens.begin(), in.tokens.end(), token);
  REQUIRE(found != in.tokens.end());
  return static_cast<std::int32_t>(found - in.tokens.begin());
}

/// Texts of every kind of character, each 1 to 4 bytes.
std::vector<std::string> const texts = {"",
                                        "a",
                                        "plain words, and 12345 digits",
                                        "  two  spaces \n\n and\tlines\r\n ",
                                        "\u00e9\u00df\u03a9 \u4e2d\u6587 \u2581 \U0001f389\U00010348",
                                        std::string("nul \0 and \x7f", 11),
                                        "they've DON'T it's 'll",
                                        "\u00a0\u3000\u2028 \u180e\u200b"};

}  // namespace

TEST_CASE("merges are made in the order of their list, of equal ones the leftmost first") {
  // Of "abab ab": ab comes before bc, so c stays alone; then abab. Ids: 256 ab, 257 bc, 258 abab, 259 aa, 260 aaa.
  vocabulary const made = bytes_and({"a b", "b c", "ab ab", "a a", "aa a"});
  tokenizer const words(made);
  CHECK(words.encode("abc") == ids{256, 'c'});
  CHECK(words.encode("bc") == ids{257});
  CHECK(words.encode("ababab") == ids{258, 256});
  CHECK(words.encode("aaaa") == ids{259, 259});  // both pairs, before aa a, since aa has the lower rank
  CHECK(words.encode("aaaaa") == ids{259, 260});
  CHECK(words.encode("aab") == ids{'a', 256});  // a b is older than a a
  CHECK(words.encode("ba") == ids{'b', 'a'});
  CHECK(words.encode("").empty());
}

TEST_CASE("nothing is merged across words, and a word that is a token is one where the model says so") {
  vocabulary made = bytes_and({"a b", "b c", "ab ab"});
  CHECK(tokenizer(made).encode("ab ab") == ids{256, ' ', 256});
  add_token(made, "abc", token_kind::normal);  // 259, which no merge makes
  CHECK(tokenizer(made).encode("abc") == ids{256, 'c'});
  made.whole_words_first = true;
  CHECK(tokenizer(made).encode("abc") == ids{259});
  CHECK(tokenizer(made).encode("abcb") == ids{256, 'c', 'b'});
}

TEST_CASE("pre-tokenizers cut text as their models were trained with") {
  using words = std::vector<std::string>;
  CHECK(words_of("smollm", "in 1234, it's") == words{"in", " ", "1", "2", "3", "4", ",", " it", "'s"});
  CHECK(words_of("gpt-2", "in 1234, it's  x") == words{"in", " 1234", ",", " it", "'s", " ", " x"});
  CHECK(words_of("llama-bpe", "in 1234, IT'S (x\n\n y") ==
        words{"in", " ", "123", "4", ",", " IT", "'S", " (", "x", "\n\n", " y"});
  CHECK(words_of("llama-bpe", "a!\n\nb(c)") == words{"a", "!\n\n", "b", "(c", ")"});
  CHECK(words_of("qwen2", "in 1234  \n x") == words{"in", " ", "1", "2", "3", "4", "  \n", " x"});
  CHECK(words_of("default", "a+12345=b") == words{"a", "+", "123", "45", "=", "b"});
  CHECK(words_of("gpt-2", "a\u00a0\u3000 b") == words{"a", "\u00a0\u3000", " b"});
  CHECK(words_of("gpt-2", "a\u180e.") == words{"a", "\u180e."});  // no white space in Unicode, but in PCRE2
  CHECK(words_of("smollm", "\u0663\u2167x") == words{"\u0663", "\u2167", "x"});
  CHECK_THROWS_WITH(split_steps_of("tekken"),
                    contains_text("'tekken' is not known") && contains_text("smollm") && contains_text("--ids"));
}

TEST_CASE("the tokens of a text are its bytes again") {
  vocabulary const bytes = bytes_and({"a n", "\u0120 \u0120", "\u00c3 \u00a9", "\u00f0 \u0141"});
  vocabulary const scored = pieces({{"\u2581", -1}, {"a", -2}, {"an", -3}, {"\u2581an", -4}, {"\u00e9", -5}});
  for (std::string const& text : texts) {
    CAPTURE(text);
    for (char const* const pre : {"smollm", "gpt-2", "llama-bpe", "qwen2", "default"}) {
      vocabulary made = bytes;
      made.split = split_steps_of(pre);
      tokenizer const words(made);
      CHECK(words.decode(words.encode(text)) == text);
    }
    tokenizer const words(scored);
    std::string without_marks = text;  // the character that tokens write for a space cannot be told from it
    for (std::size_t place; (place = without_marks.find("\u2581")) != std::string::npos;) {
      without_marks.replace(place, 3, " ");
    }
    CHECK(words.decode(words.encode(text)) == (text.empty() ? "" : " " + without_marks));
  }
  CHECK(tokenizer(bytes).encode("\u00e9") == ids{258});
  CHECK(tokenizer(bytes).encode("\U0001f389") == ids{259, 0x8e, 0x89});
}

TEST_CASE("control tokens in a text are text unless asked for, and tokens of users are always matched") {
  vocabulary made = bytes_and({"< |"});  // 256
  add_token(made, "<|end|>", token_kind::control);
  add_token(made, "<x>", token_kind::user_defined);
  add_token(made, "<x>\\Qa.b", token_kind::user_defined);
  tokenizer const words(made);
  CHECK(words.encode("<|end|>") == ids{256, 'e', 'n', 'd', '|', '>'});
  CHECK(words.encode("a<|end|>b", control_tokens::matched) == ids{'a', 257, 'b'});
  CHECK(words.encode("a<x><|end|>") == ids{'a', 258, 256, 'e', 'n', 'd', '|', '>'});
  CHECK(words.encode("<x>\\Qa.b<x>\\Qacb") == ids{259, 258, '\\', 'Q', 'a', 'c', 'b'});
  CHECK(words.bytes_of(257) == "<|end|>");
}

TEST_CASE("pieces are merged to the token with the best score, and spaces are written") {
  vocabulary const made =
      pieces({{"\u2581", -1}, {"a", -2}, {"b", -3}, {"c", -4}, {"ab", -6}, {"bc", -5}, {"\u2581a", -7}, {"abc", -9}});
  auto const id = [&made](std::string const& piece) { return id_of(made, piece); };
  tokenizer const words(made);
  CHECK(words.encode("abc") == ids{id("\u2581a"), id("bc")});  // bc, then ▁a: a bc would be no token, but abc is worse
  CHECK(words.encode("bc") == ids{id("\u2581"), id("bc")});
  CHECK(words.encode("cab") == ids{id("\u2581"), id("c"), id("ab")});
  CHECK(words.encode("a  a") == ids{id("\u2581a"), id("\u2581"), id("\u2581a")});
  CHECK(words.encode("a\n") == ids{id("\u2581a"), id("<0x0A>")});
  CHECK(words.encode("\u00e9") == ids{id("\u2581"), id("<0xC3>"), id("<0xA9>")});
  CHECK(words.encode("<s><0x0A><unk>").size() > 10);  // names of tokens are text
  CHECK(words.encode("a<s>a", control_tokens::matched) == ids{id("\u2581a"), 1, id("\u2581a")});
  vocabulary bare = made;
  bare.space_before = false;
  CHECK(tokenizer(bare).encode("bc") == ids{id("bc")});
}

TEST_CASE("a token with a space inside is found across words") {
  vocabulary made = pieces({{"\u2581", -9}, {"a", -8}, {"b", -8}, {"a\u2581", -2}, {"a\u2581b", -1}, {"\u2581a", -5}});
  auto const id = [&made](std::string const& piece) { return id_of(made, piece); };
  CHECK(tokenizer(made).encode("a b") == ids{id("\u2581"), id("a\u2581b")});
  made.tokens[static_cast<std::size_t>(id("a\u2581b"))] = "aab";
  made.tokens[static_cast<std::size_t>(id("a\u2581"))] = "aa";
  CHECK(tokenizer(made).encode("a b") == ids{id("\u2581a"), id("\u2581"), id("b")});
}

TEST_CASE("one huge word takes no quadratic time") {  // 10^10 steps would
  std::string const word(100'000, 'a');
  tokenizer const words(bytes_and({"a a", "aa aa", "aaaa aaaa"}));
  CHECK((words.encode(word) == ids(12'500, 258)));
  vocabulary const made = pieces({{"a", -3}, {"aa", -1}, {"aaaa", -2}, {"\u2581", -4}});
  CHECK(tokenizer(made).encode(word).size() == 25'001);
  CHECK(tokenizer(made).encode(std::string(100'000, ' ')).size() == 100'001);
  CHECK(words.encode(std::string(100'000, ' ')).size() == 100'000);
  CHECK(words.encode(std::string(100'000, '\n') + "x").size() == 100'001);
}

TEST_CASE("what is not UTF-8 is refused with its place") {
  tokenizer const words(bytes_and({}));
  for (std::string const bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe2\x82"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(words.encode("ab\u00e9" + bad), contains_text("byte 4 (counted from 0)"));
    CHECK(first_invalid_byte("ab\u00e9" + bad + "x") == 4);
  }
}

TEST_CASE("vocabularies that do not fit together are refused by the part that does not") {
  auto const refuses = [](vocabulary const& made, std::string const& text) {
    CHECK_THROWS_WITH(tokenizer(made), contains_text(text));
  };
  vocabulary made = bytes_and({"a b"});
  made.merges = {"a bc"};
  refuses(made, "merge 0 of the vocabulary, 'a bc': 'bc' is no token");
  made.merges = {"a c"};
  refuses(made, "'ac' is no token");
  for (std::string const merge : {"ab", "a b c", ""}) {
    made.merges = {merge};
    refuses(made, "is not two tokens with a space between them");
  }
  made.merges.clear();
  made.kinds.pop_back();
  refuses(made, "256 kinds for 257 tokens");
  made.kinds.clear();
  made.tokens['q'] = "other";
  CHECK_THROWS_WITH(tokenizer(made).encode("quite"), contains_text("no token for the byte 0x71 in 'quite'"));
  vocabulary scored = pieces({{"a", 1}});
  scored.scores.back() = std::numeric_limits<float>::quiet_NaN();
  refuses(scored, "the score of token 259, 'a', is nan");
  scored.scores.pop_back();
  refuses(scored, "259 scores for 260 tokens");
  scored.scores.push_back(1);
  scored.kinds.assign(260, token_kind::normal);
  CHECK_THROWS_WITH(tokenizer(scored).encode("b"), contains_text("no token for"));
}

TEST_CASE("a GGUF's metadata become a vocabulary, and what is not supported is refused by name") {
  vocabulary const made = bytes_and({"a b", "b c"});
  dfrot::gguf_metadata::map keys;
  keys["tokenizer.ggml.model"] = dfrot::make_gguf_value(std::string("gpt2"));
  keys["tokenizer.ggml.pre"] = dfrot::make_gguf_value(std::string("smollm"));
  keys["tokenizer.ggml.tokens"] = dfrot::make_gguf_value(made.tokens);
  keys["tokenizer.ggml.merges"] = dfrot::make_gguf_value(made.merges);
  std::vector<std::int32_t> kinds(made.tokens.size(), 1);
  kinds['x'] = 4;
  keys["tokenizer.ggml.token_type"] = dfrot::make_gguf_value(kinds);
  auto const read = [&keys] { return vocabulary_of(dfrot::gguf_metadata("model.gguf", keys)); };
  CHECK(tokenizer(read()).encode("abcx12") == ids{256, 'c', 'x', '1', '2'});
  CHECK(read().kinds['x'] == token_kind::user_defined);
  CHECK_FALSE(read().whole_words_first);
  keys["tokenizer.ggml.pre"] = dfrot::make_gguf_value(std::string("llama-bpe"));
  CHECK(read().whole_words_first);
  keys["tokenizer.ggml.pre"] = dfrot::make_gguf_value(std::string("tekken"));
  CHECK_THROWS_WITH(read(), contains_text("'tekken' is not known"));
  keys.erase("tokenizer.ggml.pre");
  CHECK(read().split.size() == split_steps_of("default").size());
  kinds['x'] = 7;
  keys["tokenizer.ggml.token_type"] = dfrot::make_gguf_value(kinds);
  CHECK_THROWS_WITH(read(), contains_text("token 120 is 7"));
  keys.erase("tokenizer.ggml.token_type");
  keys.erase("tokenizer.ggml.merges");
  CHECK_THROWS_WITH(read(), contains_text("'tokenizer.ggml.merges' is missing"));
  keys["tokenizer.ggml.model"] = dfrot::make_gguf_value(std::string("llama"));
  CHECK_THROWS_WITH(read(), contains_text("'tokenizer.ggml.scores' is missing"));
  keys["tokenizer.ggml.scores"] = dfrot::make_gguf_value(std::vector<float>(made.tokens.size(), 0.5F));
  CHECK(read().space_before);
  keys["tokenizer.ggml.add_space_prefix"] = dfrot::make_gguf_value(false);
  CHECK_FALSE(read().space_before);
  keys["tokenizer.ggml.model"] = dfrot::make_gguf_value(std::string("t5"));
  CHECK_THROWS_WITH(read(), contains_text("tokenizer.ggml.model is 't5'"));
}

TEST_CASE("the whole WikiText-2 test text has the ids that another program gave it") {
  char const* const model = std::getenv("DFROT_MODEL");
  char const* const data = std::getenv("DFROT_DATA");
  if (model == nullptr || data == nullptr) {
    WARN("skipped: DFROT_MODEL (a GGUF of SmolLM2) or DFROT_DATA is not set");
    return;
  }
  std::filesystem::path const folder = std::filesystem::path(data) / "wikitext2";
  tokenizer const words(vocabulary_of(dfrot::gguf_file(model).metadata()));
  std::string const text = read_text(folder / "wiki.test.raw");
  ids const expected = read_token_ids(folder / "ids.npy");
  ids const found = words.encode(text);
  REQUIRE(expected.size() == 301'948);
  CHECK((found == expected));  // in parentheses: a failure would print both
  CHECK((words.decode(found) == text));
}
