#include "layer_weights.hpp"

#include <algorithm>
#include <utility>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/norm_fusion.hpp>

namespace dfrot::program {

namespace {

matrix<double> widen(matrix<float> const& from) {
  matrix<double> to(from.rows(), from.columns());
  std::copy_n(from.data(), from.rows() * from.columns(), to.data());
  return to;
}

matrix<float> narrow(matrix<double> const& from) {
  matrix<float> to(from.rows(), from.columns());
  std::transform(from.data(), from.data() + from.rows() * from.columns(), to.data(),
                 [](double x) { return static_cast<float>(x); });
  return to;
}

/// A bias is the column that a weight has for an input of 1.
template <class Rotation>
std::vector<float> turn_bias(Rotation const& rotation, std::vector<float> const& bias) {
  if (bias.empty()) {
    return {};
  }
  matrix<double> row(1, bias.size());
  std::copy(bias.begin(), bias.end(), row.data());
  rotation.turn(row.view());
  matrix<float> const turned = narrow(row);
  return {turned.data(), turned.data() + bias.size()};
}

/// Reads the tensors of one layer and folds them.
struct layer_reader {
  int threads;
  model_source const& source;
  std::size_t layer;
  model_rotation const& rotation;

  [[nodiscard]] std::vector<float> row(tensor_role role) const { return source.read_row({role, layer}); }

  /// A weight that reads what a norm writes. @param heads its outputs' rotation, or none
  template <class Heads = run_hadamard>
  [[nodiscard]] matrix<float> after_norm(tensor_role role, std::vector<float> const& gain,
                                         Heads const* heads = nullptr) const {
    matrix<double> w = widen(source.read_all({role, layer}));
    fuse_norm_gain(cpu::policy{threads}, vector_view<float const>(gain.data(), gain.size()), w.view());
    turn_inputs(threads, rotation.residual, w.view());
    if (heads != nullptr) {
      turn_outputs(threads, *heads, w.view());
    }
    return narrow(w);
  }

  /// A weight that writes into the residual stream. @param inner its inputs' rotation, or none
  template <class Inner>
  [[nodiscard]] matrix<float> into_stream(tensor_role role, Inner const* inner) const {
    matrix<double> w = widen(source.read_all({role, layer}));
    turn_outputs(threads, rotation.residual, w.view());
    if (inner != nullptr) {
      turn_inputs(threads, *inner, w.view());
    }
    return narrow(w);
  }
};

run_hadamard const* pointer(std::optional<run_hadamard> const& rotation) { return rotation ? &*rotation : nullptr; }

}  // namespace

model_rotation::model_rotation(model_config const& config, residual_rotation stream, std::size_t mlp_block)
    : residual(std::move(stream)), online(residual.rotates() || config.stored.turns_heads) {
  expects(!config.stored.quantized || (!residual.rotates() && mlp_block == config.stored.mlp_block),
          "the model is quantized, and its codes hold their rotations: no other can be folded into them; name the "
          "rotation none, and the model before it was quantized for everything else");
  if (online) {
    queries.emplace(config.q_rows(), config.head_dim);
    keys.emplace(config.kv_rows(), config.head_dim);
  }
  if (mlp_block != 0) {
    mlp.emplace(config.intermediate, mlp_block);
  }
}

model_rotation::model_rotation(model_config const& config, residual_rotation stream, bool with_online)
    : model_rotation(config, std::move(stream), config.stored.mlp_block) {
  expects(with_online || !config.stored.quantized,
          "the model is quantized: export the one that it was made of, or give the folder to a program as it is");
  online = online && with_online;
  if (online && !config.stored.quantized) {
    mlp.emplace(config.intermediate, config.intermediate);
  }
}

void model_rotation::turn_heads_by(std::shared_ptr<head_rotations const> own) {
  heads = residual.rotates() ? std::move(own) : nullptr;
}

void model_rotation::turn_keys_only(model_config const& config) {
  if (hadamard_order::is_constructible(config.head_dim)) {
    online = true;
    folds_heads = false;
    queries.emplace(config.q_rows(), config.head_dim);
    keys.emplace(config.kv_rows(), config.head_dim);
  }
}

void prepare_codes(int threads, code_product way, layer_weights& weights) {
  for (std::size_t k = 0; k < weights.packed.size(); ++k) {
    if (auto const& packed = weights.packed[k]) {
      weights.codes[k].emplace(threads, way, packed->codes.view(), packed->scales, packed->inputs, packed->group);
    }
  }
}

namespace {

/// The layer of a model whose weights are stored in 4 bits.
layer_weights load_packed_layer(int threads, model_source const& source, std::size_t layer) {
  constexpr tensor_role roles[] = {tensor_role::q,    tensor_role::k,  tensor_role::v,   tensor_role::o,
                                   tensor_role::gate, tensor_role::up, tensor_role::down};
  auto const gain_unless_ones = [&](tensor_role role) {
    std::vector<float> gain = source.read_row({role, layer});
    bool const ones = std::all_of(gain.begin(), gain.end(), [](float one) { return one == 1; });
    return ones ? std::vector<float>() : gain;
  };
  layer_weights result;
  auto const all = weights_by_site(result);
  for (std::size_t k = 0; k < all.size(); ++k) {
    result.packed[k] = source.packed({roles[k], layer});
    packed_weight const& packed = *result.packed[k];
    *all[k].values = matrix<float>(packed.codes.rows(), packed.inputs);
    packed.values(threads, all[k].values->view());
  }
  result.q_bias = source.read_row({tensor_role::q_bias, layer});
  result.k_bias = source.read_row({tensor_role::k_bias, layer});
  result.v_bias = source.read_row({tensor_role::v_bias, layer});
  result.o_bias = source.read_row({tensor_role::o_bias, layer});
  result.attention_gain = gain_unless_ones(tensor_role::attention_gain);
  result.mlp_gain = gain_unless_ones(tensor_role::mlp_gain);
  return result;
}

}  // namespace

layer_weights load_layer(int threads, model_source const& source, std::size_t layer, model_rotation const& rotation) {
  if (source.config().stored.quantized) {
    return load_packed_layer(threads, source, layer);
  }
  layer_reader const read{threads, source, layer, rotation};
  layer_weights result;
  std::vector<float> const attention_gain = read.row(tensor_role::attention_gain);
  result.q = read.after_norm(tensor_role::q, attention_gain);
  result.k = read.after_norm(tensor_role::k, attention_gain);
  result.v_bias = read.row(tensor_role::v_bias);
  auto const fold_heads = [&](auto const* of_values, auto const* of_outputs) {  // R2
    result.v = read.after_norm(tensor_role::v, attention_gain, of_values);
    result.o = read.into_stream(tensor_role::o, of_outputs);
    if (of_values != nullptr) {
      result.v_bias = turn_bias(*of_values, result.v_bias);
    }
  };
  if (rotation.heads) {
    layer_heads const heads = rotation.heads->of_layer(layer);
    fold_heads(&heads, &heads);
  } else {
    fold_heads(rotation.folds_heads ? pointer(rotation.keys) : nullptr,
               rotation.folds_heads ? pointer(rotation.queries) : nullptr);
  }
  std::vector<float> const mlp_gain = read.row(tensor_role::mlp_gain);
  result.gate = read.after_norm(tensor_role::gate, mlp_gain);
  result.up = read.after_norm(tensor_role::up, mlp_gain);
  result.down = read.into_stream(tensor_role::down, pointer(rotation.mlp));
  result.q_bias = read.row(tensor_role::q_bias);
  result.k_bias = read.row(tensor_role::k_bias);
  result.o_bias = turn_bias(rotation.residual, read.row(tensor_role::o_bias));
  return result;
}

matrix<float> load_head_rows(int threads, model_source const& source, std::vector<float> const& gain,
                             residual_rotation const& rotation, std::size_t first, std::size_t count) {
  matrix<float> rows(count, source.config().hidden);
  source.read({tensor_role::head, 0}, first, rows.view());
  matrix<double> w = widen(rows);
  fuse_norm_gain(cpu::policy{threads}, vector_view<float const>(gain.data(), gain.size()), w.view());
  turn_inputs(threads, rotation, w.view());
  return narrow(w);
}

}  // namespace dfrot::program
