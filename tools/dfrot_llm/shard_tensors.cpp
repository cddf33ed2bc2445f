// The tensors of quantized models: see quantized_shards.hpp.

#include <bit>

#include <dfrot/core/ceil_div.hpp>

#include "folder_document.hpp"
#include "packed_tensors.hpp"
#include "quantized_shards.hpp"

namespace dfrot::program {

namespace {

using shape_list = std::vector<std::uint64_t>;

constexpr tensor_role linear_layers[] = {tensor_role::q,    tensor_role::k,  tensor_role::v,   tensor_role::o,
                                         tensor_role::gate, tensor_role::up, tensor_role::down};
struct named_bias {
  tensor_role role;
  std::vector<float> layer_weights::*values;
};
constexpr named_bias biases_of_layer[] = {{tensor_role::q_bias, &layer_weights::q_bias},
                                          {tensor_role::k_bias, &layer_weights::k_bias},
                                          {tensor_role::v_bias, &layer_weights::v_bias},
                                          {tensor_role::o_bias, &layer_weights::o_bias}};

/// The Hadamard matrix that other programs look for beside down.
std::string hadamard_name(std::size_t layer) { return module_name({tensor_role::down, layer}) + ".R4_input.weight"; }
bool writes_hadamard(quantize_options const& chosen) {
  return chosen.format == quantized_format::compressed_tensors && chosen.mlp_block != 0;
}

/// Its entries, not normalized: +1 where the common bits of row and column are an even number.
matrix<float> hadamard_signs(std::size_t order) {
  matrix<float> signs(order, order);
  for (std::size_t i = 0; i < order; ++i) {
    for (std::size_t j = 0; j < order; ++j) {
      signs(i, j) = std::popcount(i & j) % 2 == 0 ? 1.0F : -1.0F;
    }
  }
  return signs;
}

matrix_view<float const> row_of(std::vector<float> const& values) { return {values.data(), 1, values.size()}; }

}  // namespace

std::vector<shard_tensor> tensors_of_layer(model_source const& source, quantize_options const& chosen,
                                           std::size_t layer) {
  model_config const& config = source.config();
  safetensors_type const type = stored_as(chosen.type);
  std::vector<shard_tensor> tensors;
  for (tensor_role const role : {tensor_role::attention_gain, tensor_role::mlp_gain}) {
    tensors.push_back({folder_tensor_name({role, layer}), type, {config.hidden}});
  }
  for (tensor_role const role : linear_layers) {
    tensor_shape const shape = shape_of(config, role);
    std::string const module = module_name({role, layer});
    std::size_t const group = chosen.weight_group == 0 ? shape.columns : chosen.weight_group;
    tensors.push_back(
        {module + ".weight_packed", safetensors_type::i32, {shape.rows, ceil_div(shape.columns, std::size_t{8})}});
    tensors.push_back({module + ".weight_scale", type, {shape.rows, ceil_div(shape.columns, group)}});
    tensors.push_back({module + ".weight_shape", safetensors_type::i64, {2}});
  }
  for (named_bias const& each : biases_of_layer) {
    if (source.contains({each.role, layer})) {
      tensors.push_back({folder_tensor_name({each.role, layer}), type, {shape_of(config, each.role).columns}});
    }
  }
  if (writes_hadamard(chosen)) {
    tensors.push_back({hadamard_name(layer), type, {chosen.mlp_block, chosen.mlp_block}});
  }
  return tensors;
}

std::vector<shard_tensor> tensors_of_ends(model_source const& source, quantize_options const& chosen) {
  model_config const& config = source.config();
  safetensors_type const type = stored_as(chosen.type);
  return {{folder_tensor_name({tensor_role::embedding, 0}), type, {config.vocabulary, config.hidden}},
          {folder_tensor_name({tensor_role::final_gain, 0}), type, {config.hidden}},
          {folder_tensor_name({tensor_role::head, 0}), type, {config.vocabulary, config.hidden}}};
}

std::uint64_t bytes_of(std::vector<shard_tensor> const& tensors) {
  std::uint64_t bytes = 0;
  for (shard_tensor const& each : tensors) {
    std::uint64_t numbers = 1;
    for (std::uint64_t const length : each.shape) {
      numbers *= length;
    }
    bytes += numbers * bits_per_number(each.type) / 8;
  }
  return bytes;
}

void write_layer(safetensors_writer& out, model_source const& source, quantize_options const& chosen, std::size_t layer,
                 layer_weights const& weights) {
  std::vector<float> const ones(source.config().hidden, 1.0F);
  for (tensor_role const role : {tensor_role::attention_gain, tensor_role::mlp_gain}) {
    out.write_rows(folder_tensor_name({role, layer}), row_of(ones));
  }
  for (std::size_t k = 0; k < weights.packed.size(); ++k) {
    packed_weight const& packed = *weights.packed[k];
    std::string const module = module_name({linear_layers[k], layer});
    std::int64_t const shape[] = {static_cast<std::int64_t>(packed.codes.rows()),
                                  static_cast<std::int64_t>(packed.inputs)};
    matrix<std::int32_t> const numbers = packed_numbers(packed);
    out.write_rows(module + ".weight_packed", numbers.view());
    out.write_rows(module + ".weight_scale", packed.scales.view());
    out.write_rows(module + ".weight_shape", matrix_view<std::int64_t const>(shape, 1, 2));
  }
  for (named_bias const& each : biases_of_layer) {
    if (source.contains({each.role, layer})) {
      out.write_rows(folder_tensor_name({each.role, layer}), row_of(weights.*each.values));
    }
  }
  if (writes_hadamard(chosen)) {
    matrix<float> const signs = hadamard_signs(chosen.mlp_block);
    out.write_rows(hadamard_name(layer), signs.view());
  }
}

}  // namespace dfrot::program
