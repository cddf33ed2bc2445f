#include "pre_tokenizer.hpp"

#include <cstddef>
#include <map>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

/// Contractions in any case, words with one sign before them, up to `digits` digits, signs with the line ends after them.
std::string words_with_line_ends(std::string const& digits) {
  return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

std::map<std::string, std::vector<split_step>> const& known_steps() {
  static std::map<std::string, std::vector<split_step>> const steps = [] {
    std::string const& words = byte_level_pattern();
    std::vector<split_step> const llama3 = {{words_with_line_ends(R"(\p{N}{1,3})")}};
    return std::map<std::string, std::vector<split_step>>{
        {"default", {{R"([\p{P}\$\+<=>\^~\|]+)"}, {words}, {R"(\p{N}+)"}, {"[0-9][0-9][0-9]"}}},
        {"gpt-2", {{words}}},
        {"llama-bpe", llama3},
        {"llama-v3", llama3},
        {"llama3", llama3},
        {"qwen2", {{words_with_line_ends(R"(\p{N})")}}},
        {"smollm", {{R"(\p{N})"}, {words}}}};
  }();
  return steps;
}

}  // namespace

std::string const& byte_level_pattern() {
  static std::string const pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  return pattern;
}

std::vector<split_step> split_steps_of(std::string const& name) {
  auto const found = known_steps().find(name);
  if (found == known_steps().end()) {
    std::string names;
    for (auto const& [known, steps] : known_steps()) {
      names += (names.empty() ? "" : ", ") + known;
    }
    throw io_error(message("the pre-tokenizer '", visible_text(name), "' is not known (", names,
                           " are): tokenize elsewhere and give the token ids (--ids)"));
  }
  return found->second;
}

pre_tokenizer::pre_tokenizer(std::vector<split_step> const& steps) {
  for (split_step const& step : steps) {
    steps_.push_back({regular_expression(step.pattern), step.keeps_rest});
  }
}

std::vector<std::string_view> pre_tokenizer::words(std::string_view text) const {
  std::vector<std::string_view> pieces = {text};
  for (compiled_step const& step : steps_) {
    std::vector<std::string_view> smaller;
    for (std::string_view const piece : pieces) {
      std::size_t done = 0;
      auto const keep_rest = [&](std::size_t end) {
        if (end > done && step.keeps_rest) {
          smaller.push_back(piece.substr(done, end - done));
        }
      };
      step.expression.for_each_match(piece, [&](std::size_t first, std::size_t last) {
        keep_rest(first);
        smaller.push_back(piece.substr(first, last - first));
        done = last;
      });
      keep_rest(piece.size());
    }
    pieces.swap(smaller);
  }
  return pieces;
}

}  // namespace dfrot::program
