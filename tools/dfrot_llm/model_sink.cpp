#include "model_sink.hpp"

#include <dfrot/core/expects.hpp>

namespace dfrot::program {

void model_sink::write(tensor_id id, packed_weight const& /*weight*/) {
  reject(model_source::describe(id) + ": codes of 4 bits are not kept in this format");
}

std::vector<tensor_id> exported_tensors(model_source const& source) {
  std::vector<tensor_id> all = {{tensor_role::embedding, 0}};
  for (std::size_t layer = 0; layer < source.config().layers; ++layer) {
    for (tensor_role const role :
         {tensor_role::attention_gain, tensor_role::mlp_gain, tensor_role::q, tensor_role::k, tensor_role::v,
          tensor_role::o, tensor_role::gate, tensor_role::up, tensor_role::down}) {
      all.push_back({role, layer});
    }
    for (tensor_role const role :
         {tensor_role::q_bias, tensor_role::k_bias, tensor_role::v_bias, tensor_role::o_bias}) {
      if (source.contains({role, layer})) {
        all.push_back({role, layer});
      }
    }
  }
  all.push_back({tensor_role::final_gain, 0});
  all.push_back({tensor_role::head, 0});
  return all;
}

}  // namespace dfrot::program
