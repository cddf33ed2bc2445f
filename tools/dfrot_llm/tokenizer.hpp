#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vocabulary.hpp"

namespace dfrot::program {

/// What the texts of control tokens ("<|endoftext|>") in a text become.
enum class control_tokens : std::uint8_t {
  as_text,  ///< they are text like any other
  matched   ///< the tokens
};

/// Text to token ids and back: byte-level BPE ("gpt2") or merges by score ("llama"). A token for the beginning of the
/// text is never put in front: sequences do that (text_source.hpp).
///   tokenizer const words(vocabulary_of(file));   std::vector<std::int32_t> ids = words.encode("Hello");
class tokenizer {
 public:
  /// Throws: io_error naming the token, the merge or the score that does not fit.
  explicit tokenizer(vocabulary const& from);

  /// The ids of a text. Tokens that a user defined are always matched, the longest of those that begin first.
  /// Complexity: n log n in the longest word, linear in all else. May be called by several threads.
  /// Determinism: a function of its arguments.
  /// Throws: io_error naming the byte: no UTF-8, or nothing in the vocabulary for it.
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text,
                                                 control_tokens controls = control_tokens::as_text) const;

  /// The bytes that a token stands for; of one with no text of its own (control, unknown) its name.
  /// @pre 0 <= id < size()
  [[nodiscard]] std::string bytes_of(std::int32_t id) const;

  /// The bytes of tokens, one after the other. Those of encode() are the text itself, after the space that "llama" puts
  /// in front.
  [[nodiscard]] std::string decode(std::vector<std::int32_t> const& ids) const;

  [[nodiscard]] std::size_t size() const;

 private:
  struct parts;
  std::shared_ptr<parts const> parts_;
};

/// Throws: io_error naming the first byte of a text that is not UTF-8. @param name of the text, for the message
void check_utf8(std::string_view text, std::string_view name);

}  // namespace dfrot::program
