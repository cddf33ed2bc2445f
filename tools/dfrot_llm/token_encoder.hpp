#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vocabulary.hpp"

namespace dfrot::program {

/// One way of turning text without special tokens into ids.
class token_encoder {
 public:
  token_encoder() = default;
  token_encoder(token_encoder const&) = delete;
  token_encoder& operator=(token_encoder const&) = delete;
  virtual ~token_encoder() = default;

  /// Appends the ids of a text. @param text UTF-8, not empty   @param begins whether nothing, or a special token, is before it
  /// Throws: io_error where the vocabulary has nothing for a character.
  virtual void encode(std::string_view text, bool begins, std::vector<std::int32_t>& ids) const = 0;

  /// The bytes that the text of a normal token stands for.
  [[nodiscard]] virtual std::string bytes_of(std::string const& token) const = 0;
};

/// Byte-level byte-pair encoding ("gpt2"): bytes, merged in the order of a list.
/// Throws: io_error naming a merge that is none of two tokens to a third.
[[nodiscard]] std::unique_ptr<token_encoder> make_byte_pairs(vocabulary const& from);

/// Merges by score ("llama", SentencePiece's BPE): spaces are written as U+2581, and neighbours become the token with the
/// best score.
/// Throws: io_error unless every token has a finite score.
[[nodiscard]] std::unique_ptr<token_encoder> make_scores(vocabulary const& from);

}  // namespace dfrot::program
