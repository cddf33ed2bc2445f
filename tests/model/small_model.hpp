#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dfrot_llm/model_config.hpp"
#include "dfrot_llm/text_source.hpp"

namespace dfrot::test {

/// Two layers of a width that a test chooses, heads of 8, a vocabulary of 50.
[[nodiscard]] inline program::model_config small_config(std::size_t hidden, std::size_t intermediate,
                                                        std::size_t heads) {
  program::model_config config;
  config.vocabulary = 50;
  config.hidden = hidden;
  config.intermediate = intermediate;
  config.layers = 2;
  config.heads = heads;
  config.kv_heads = 2;
  config.head_dim = 8;
  config.tied = true;
  return config;
}

/// Sequences that differ, of such lengths.
[[nodiscard]] inline std::vector<program::token_sequence> small_sequences(std::vector<std::size_t> const& lengths) {
  std::vector<program::token_sequence> sequences(lengths.size());
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    for (std::size_t p = 0; p < lengths[s]; ++p) {
      sequences[s].ids.push_back(static_cast<std::int32_t>((7 * p * p + 3 * p + s) % 50));
    }
  }
  return sequences;
}

}  // namespace dfrot::test
