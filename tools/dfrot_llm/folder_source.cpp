// A model as Hugging Face keeps it: config.json beside safetensors.

#include <algorithm>
#include <optional>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors.hpp>

#include "folder_config.hpp"
#include "model_source.hpp"
#include "packed_tensors.hpp"
#include "quantization_document.hpp"

namespace dfrot::program {

namespace {

class folder_source : public model_source {
 public:
  explicit folder_source(std::filesystem::path const& folder) : tensors_(folder) {
    folder_config const document(folder / "config.json");
    config_ = read_config(document);
    if (auto const found = read_quantization(document.document(), document.name(), config_)) {
      config_.stored = found->rotations;
      group_ = found->group;
    }
    name_ = folder.string();
  }

  [[nodiscard]] bool contains(tensor_id id) const override { return tensors_.contains(name_in_file(id)); }

  void read(tensor_id id, std::size_t first, matrix_view<float> block) const override {
    if (is_packed(id)) {
      read_packed(tensors_, id, shape_of(config_, id.role), group_, first, block.rows).values(1, block);
      return;
    }
    std::string const tensor = name_in_file(id);
    safetensors_tensor const& found = tensors_.tensor(tensor);
    tensor_shape const wanted = shape_of(config_, id.role);
    if (found.rows() != wanted.rows || found.columns() != wanted.columns) {
      throw io_error(message(tensors_.name(), ": the tensor ", tensor, " is ", found.rows(), " x ", found.columns(),
                             ", but config.json says ", wanted.rows, " x ", wanted.columns));
    }
    tensors_.read_rows(tensor, first, block);
  }

  [[nodiscard]] std::optional<packed_weight> packed(tensor_id id) const override {
    tensor_shape const shape = shape_of(config_, id.role);
    return is_packed(id) ? std::optional(read_packed(tensors_, id, shape, group_, 0, shape.rows)) : std::nullopt;
  }

 private:
  /// Of a quantized model, all weights of layers are.
  [[nodiscard]] bool is_packed(tensor_id id) const {
    constexpr tensor_role linear[] = {tensor_role::q,    tensor_role::k,  tensor_role::v,   tensor_role::o,
                                      tensor_role::gate, tensor_role::up, tensor_role::down};
    return config_.stored.quantized && std::find(std::begin(linear), std::end(linear), id.role) != std::end(linear);
  }

  [[nodiscard]] std::string name_in_file(tensor_id id) const {
    bool const as_embedding = id.role == tensor_role::head && config_.tied;
    return folder_tensor_name(as_embedding ? tensor_id{tensor_role::embedding, 0} : id);
  }

  safetensors_file tensors_;
  std::size_t group_ = 0;  // of packed weights
};

}  // namespace

std::string folder_tensor_name(tensor_id id) {
  std::string const layer = message("model.layers.", id.layer, ".");
  switch (id.role) {
    case tensor_role::embedding:
      return "model.embed_tokens.weight";
    case tensor_role::attention_gain:
      return layer + "input_layernorm.weight";
    case tensor_role::q:
      return layer + "self_attn.q_proj.weight";
    case tensor_role::k:
      return layer + "self_attn.k_proj.weight";
    case tensor_role::v:
      return layer + "self_attn.v_proj.weight";
    case tensor_role::o:
      return layer + "self_attn.o_proj.weight";
    case tensor_role::q_bias:
      return layer + "self_attn.q_proj.bias";
    case tensor_role::k_bias:
      return layer + "self_attn.k_proj.bias";
    case tensor_role::v_bias:
      return layer + "self_attn.v_proj.bias";
    case tensor_role::o_bias:
      return layer + "self_attn.o_proj.bias";
    case tensor_role::mlp_gain:
      return layer + "post_attention_layernorm.weight";
    case tensor_role::gate:
      return layer + "mlp.gate_proj.weight";
    case tensor_role::up:
      return layer + "mlp.up_proj.weight";
    case tensor_role::down:
      return layer + "mlp.down_proj.weight";
    case tensor_role::final_gain:
      return "model.norm.weight";
    case tensor_role::head:
      break;
  }
  return "lm_head.weight";
}

std::unique_ptr<model_source> open_folder(std::filesystem::path const& folder) {
  return std::make_unique<folder_source>(folder);
}

}  // namespace dfrot::program
