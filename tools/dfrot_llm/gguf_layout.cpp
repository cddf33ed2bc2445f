#include "gguf_layout.hpp"

#include <dfrot/core/expects.hpp>

namespace dfrot::program {

std::string gguf_tensor_name(tensor_id id) {
  std::string const layer = message("blk.", id.layer, ".");
  switch (id.role) {
    case tensor_role::embedding:
      return "token_embd.weight";
    case tensor_role::attention_gain:
      return layer + "attn_norm.weight";
    case tensor_role::q:
      return layer + "attn_q.weight";
    case tensor_role::k:
      return layer + "attn_k.weight";
    case tensor_role::v:
      return layer + "attn_v.weight";
    case tensor_role::o:
      return layer + "attn_output.weight";
    case tensor_role::q_bias:
      return layer + "attn_q.bias";
    case tensor_role::k_bias:
      return layer + "attn_k.bias";
    case tensor_role::v_bias:
      return layer + "attn_v.bias";
    case tensor_role::o_bias:
      return layer + "attn_output.bias";
    case tensor_role::mlp_gain:
      return layer + "ffn_norm.weight";
    case tensor_role::gate:
      return layer + "ffn_gate.weight";
    case tensor_role::up:
      return layer + "ffn_up.weight";
    case tensor_role::down:
      return layer + "ffn_down.weight";
    case tensor_role::final_gain:
      return "output_norm.weight";
    case tensor_role::head:
      break;
  }
  return "output.weight";
}

bool turns_neighbours(model_config const& config, tensor_role role) {
  return config.kind == architecture::llama && (role == tensor_role::q || role == tensor_role::k ||
                                                role == tensor_role::q_bias || role == tensor_role::k_bias);
}

std::size_t row_in_gguf(model_config const& config, std::size_t channel) {
  std::size_t const in_head = channel % config.head_dim;
  std::size_t const half = config.head_dim / 2;
  return channel - in_head + 2 * (in_head % half) + in_head / half;
}

std::size_t channel_in_gguf(model_config const& config, std::size_t row) {
  std::size_t const in_head = row % config.head_dim;
  return row - in_head + in_head / 2 + in_head % 2 * (config.head_dim / 2);
}

}  // namespace dfrot::program
