#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "batch.hpp"
#include "model_source.hpp"
#include "text_source.hpp"

namespace dfrot::program {

/// What every command is asked: a model, a text, and where the figures go.
struct text_request {
  std::filesystem::path model;
  std::optional<std::filesystem::path> text;  ///< this or the ids
  std::optional<std::filesystem::path> ids;
  sequence_options sequences;
  int threads = 1;
  std::optional<std::filesystem::path> report;
  std::optional<std::filesystem::path> plot;

  /// Of the text, for messages.
  [[nodiscard]] std::string text_name() const { return ids ? ids->string() : text->string(); }
};

/// The token ids of the text, by the model's own tokenizer, or those of the file.
/// Throws: io_error for files that are none, or a tokenizer that is not known.
[[nodiscard]] std::vector<std::int32_t> ids_of(text_request const& request);

/// The sequences that are asked for.   Throws: io_error where the text is too short, or the model attends to fewer tokens.
[[nodiscard]] batch sequences_of(text_request const& request, model_source const& source,
                                 std::vector<std::int32_t> const& ids);

/// Sequences from the end of a text, for calibration.   @param name of the text   Throws: as sequences_of().
[[nodiscard]] batch calibration_of(text_request const& request, std::size_t count, model_source const& source,
                                   std::vector<std::int32_t> const& ids, std::string const& name);

}  // namespace dfrot::program
