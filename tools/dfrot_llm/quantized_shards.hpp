#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <dfrot/io/safetensors_tensor.hpp>
#include <dfrot/io/safetensors_writer.hpp>

#include "layer_weights.hpp"
#include "model_source.hpp"
#include "options.hpp"

namespace dfrot::program {

/// A tensor that is to be written.
struct shard_tensor {
  std::string name;
  safetensors_type type;
  std::vector<std::uint64_t> shape;
};

/// The tensors of a quantized layer, and those that no layer has.
[[nodiscard]] std::vector<shard_tensor> tensors_of_layer(model_source const& source, quantize_options const& chosen,
                                                         std::size_t layer);
[[nodiscard]] std::vector<shard_tensor> tensors_of_ends(model_source const& source, quantize_options const& chosen);
/// Bytes of their numbers.
[[nodiscard]] std::uint64_t bytes_of(std::vector<shard_tensor> const& tensors);

/// Writes a layer's tensors, all but the declarations.
void write_layer(safetensors_writer& out, model_source const& source, quantize_options const& chosen, std::size_t layer,
                 layer_weights const& weights);

/// The files of a quantized model, one a layer and one for the rest, and what they were made with: each appears complete, or not at
/// all, and says all of it, so that a later run goes on where an earlier one ended.
class quantized_shards {
 public:
  /// @param made_with by name: what decides the bytes
  /// Throws: io_error for a folder that holds another model, or files that were made with something else, naming what differs.
  quantized_shards(std::filesystem::path folder, std::size_t count, safetensors_metadata made_with);

  [[nodiscard]] bool has(std::size_t shard) const { return there_[shard] != 0; }
  [[nodiscard]] std::size_t missing() const;
  [[nodiscard]] std::filesystem::path path_of(std::size_t shard) const;

  /// Writes a file: fill(out) has to write what is declared.   Throws: io_error.
  void write(std::size_t shard, std::vector<shard_tensor> const& tensors,
             std::function<void(safetensors_writer&)> const& fill);

  /// Writes the index, once all are there.   Throws: io_error.
  void write_index() const;

  /// Removes what runs that were killed have left of files.
  void remove_leftovers() const;

 private:
  void check_others() const;
  void check_made_with(std::filesystem::path const& file) const;

  std::filesystem::path folder_;
  safetensors_metadata made_with_;
  std::vector<char> there_;
};

}  // namespace dfrot::program
