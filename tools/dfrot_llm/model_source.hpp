#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>

#include "model_config.hpp"
#include "packed_weight.hpp"

namespace dfrot::program {

/// What a tensor is for. Weights are outputs x inputs, as Hugging Face keeps them: rotary positions turn channel i of a head
/// with channel i + head_dim / 2. Gains and biases are one row.
enum class tensor_role : std::uint8_t {
  embedding,
  attention_gain,
  q,
  k,
  v,
  o,
  q_bias,
  k_bias,
  v_bias,
  o_bias,
  mlp_gain,
  gate,
  up,
  down,
  final_gain,
  head
};

/// A tensor of a model. The layer counts for those that every layer has.
struct tensor_id {
  tensor_role role = tensor_role::embedding;
  std::size_t layer = 0;
};

/// The tensors of a model file, read by rows, so that a model may be larger than memory. A tied head reads the embedding.
class model_source {
 public:
  model_source() = default;
  model_source(model_source const&) = delete;
  model_source& operator=(model_source const&) = delete;
  virtual ~model_source() = default;

  [[nodiscard]] model_config const& config() const { return config_; }
  /// The file, for messages and reports.
  [[nodiscard]] std::string const& name() const { return name_; }

  /// Whether there is such a tensor; biases may be missing.
  [[nodiscard]] virtual bool contains(tensor_id id) const = 0;

  /// Fills a block with rows first, first + 1, ... May be called by several threads.
  /// Throws: io_error where the tensor is missing, has another shape than the configuration says, or cannot be read.
  virtual void read(tensor_id id, std::size_t first, matrix_view<float> block) const = 0;

  /// A weight that is stored in 4 bits; none where it is not.   Throws: as read(), and for codes or scales that make no sense.
  [[nodiscard]] virtual std::optional<packed_weight> packed(tensor_id /*id*/) const { return std::nullopt; }

  /// A whole tensor, and a row (gain, bias); that of a missing bias is empty. Throws: as read(), and for NaN or infinity.
  [[nodiscard]] matrix<float> read_all(tensor_id id) const;
  [[nodiscard]] std::vector<float> read_row(tensor_id id) const;

  /// "the weight of q in layer 3", for messages.
  [[nodiscard]] static std::string describe(tensor_id id);

 protected:
  model_config config_;
  std::string name_;
};

/// Rows and columns that a tensor has to have.
struct tensor_shape {
  std::size_t rows = 0;
  std::size_t columns = 0;
};
[[nodiscard]] tensor_shape shape_of(model_config const& config, tensor_role role);

/// Opens a model: a GGUF file, or a Hugging Face folder of config.json and safetensors.
/// Throws: io_error naming the file and what is wrong: another architecture, a missing tensor, a size that makes no sense.
[[nodiscard]] std::unique_ptr<model_source> open_model(std::filesystem::path const& path);

/// The two kinds.
[[nodiscard]] std::unique_ptr<model_source> open_folder(std::filesystem::path const& folder);
[[nodiscard]] std::unique_ptr<model_source> open_gguf(std::filesystem::path const& file);

/// The name of a tensor in a folder: "model.layers.3.mlp.up_proj.weight".
[[nodiscard]] std::string folder_tensor_name(tensor_id id);

}  // namespace dfrot::program
