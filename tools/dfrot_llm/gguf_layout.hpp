#pragma once

#include <cstddef>
#include <string>

#include "model_source.hpp"

namespace dfrot::program {

// How a GGUF file keeps a model: what reading and writing one agree on.

/// The name of a tensor in a file: "blk.3.ffn_up.weight".
[[nodiscard]] std::string gguf_tensor_name(tensor_id id);

/// Whether a file keeps the rows of a tensor for rotary positions that turn neighbours, 2 j and 2 j + 1, where channels j and
/// j + d / 2 of a head belong together: q and k of "llama", not of "qwen2".
[[nodiscard]] bool turns_neighbours(model_config const& config, tensor_role role);

/// Which row of such a tensor a channel is, and the channel that stands in a row.
[[nodiscard]] std::size_t row_in_gguf(model_config const& config, std::size_t channel);
[[nodiscard]] std::size_t channel_in_gguf(model_config const& config, std::size_t row);

}  // namespace dfrot::program
