#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer.hpp"

namespace dfrot::program {

/// How a long text is cut into sequences.
struct sequence_options {
  std::size_t count = 0;            ///< sequences at most; 0: all that the text fills
  std::size_t context = 512;        ///< tokens of a sequence, the one for the beginning among them
  std::optional<std::int32_t> bos;  ///< the token that each sequence begins with; none: it begins with the text
  std::size_t stride = 0;  ///< tokens from the beginning of one sequence to that of the next; 0: as many as it takes

  /// Tokens of the text in a sequence.
  [[nodiscard]] std::size_t width() const { return context - (bos ? 1 : 0); }
  [[nodiscard]] std::size_t step() const { return stride == 0 ? width() : stride; }
};

/// A sequence, and the first of its tokens that is predicted: those before it are context.
struct token_sequence {
  std::vector<std::int32_t> ids;
  std::size_t first_predicted = 1;

  [[nodiscard]] std::size_t predictions() const { return ids.size() - first_predicted; }
};

/// What is wrong with such options, a sentence; empty where nothing is.
[[nodiscard]] std::string mistake_in(sequence_options const& options);

/// Reads "none" or a token id, the text of --bos. Returns none for any other text.
[[nodiscard]] std::optional<std::optional<std::int32_t>> parse_bos(std::string_view text);

/// Reads a text. Throws: io_error naming the file, and the byte where it is not UTF-8.
[[nodiscard]] std::string read_text(std::filesystem::path const& path);

/// The sequences from the beginning of a text, for perplexity: the k-th one has the tokens k step ... k step + width - 1.
/// Where they overlap, a token is predicted by the first sequence that has it.
///   BOS, t_0 ... t_510;   BOS, t_511 ... t_1021;   ...          (context 512)
/// @pre mistake_in(options) is empty   @param name of the text, for messages
/// Throws: io_error where the text is too short, or the vocabulary lacks an id.
[[nodiscard]] std::vector<token_sequence> first_sequences(std::vector<std::int32_t> const& ids,
                                                          sequence_options const& options, std::size_t vocabulary,
                                                          std::string_view name);

/// The sequences from the end of a text, for calibration, in the order of the text: the last one ends with its last token.
/// @pre and throws as first_sequences()
[[nodiscard]] std::vector<token_sequence> last_sequences(std::vector<std::int32_t> const& ids,
                                                         sequence_options const& options, std::size_t vocabulary,
                                                         std::string_view name);

/// Tokens that all sequences predict.
[[nodiscard]] std::size_t count_predictions(std::vector<token_sequence> const& sequences);

}  // namespace dfrot::program
