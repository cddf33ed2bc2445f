#pragma once

#include <memory>
#include <vector>

#include <dfrot/core/view.hpp>

#include "model_source.hpp"
#include "options.hpp"
#include "packed_weight.hpp"

namespace dfrot::program {

/// Where an exported model goes. Tensors come one after the other, in the order of exported_tensors(), each from its first row to
/// its last, so that a file is written from its beginning to its end. Nothing appears before commit().
class model_sink {
 public:
  model_sink() = default;
  model_sink(model_sink const&) = delete;
  model_sink& operator=(model_sink const&) = delete;
  virtual ~model_sink() = default;

  /// The next rows of a tensor, in the order of model_source: of a weight as many as are at hand, or the whole of a gain or bias.
  /// Throws: io_error, or std::invalid_argument, for a value that the type cannot hold.
  virtual void write(tensor_id id, matrix_view<float const> rows) = 0;

  /// A whole weight in 4 bits.   Throws: io_error; std::invalid_argument where the format does not keep such codes.
  virtual void write(tensor_id id, packed_weight const& weight);

  /// Puts the files in place.   Throws: io_error.
  virtual void commit() = 0;
};

/// What an exported model consists of: a head of its own, and biases where the source has them.
[[nodiscard]] std::vector<tensor_id> exported_tensors(model_source const& source);

/// The kinds: a Hugging Face folder, and a GGUF file. Both keep references to what they are given.
/// Throws: io_error where the output cannot be written, or cannot say what the model is.
[[nodiscard]] std::unique_ptr<model_sink> make_folder_sink(export_options const& chosen, model_source const& source);
[[nodiscard]] std::unique_ptr<model_sink> make_gguf_sink(export_options const& chosen, model_source const& source);

}  // namespace dfrot::program
