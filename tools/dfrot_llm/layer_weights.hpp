#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <dfrot/core/matrix.hpp>

#include "code_products.hpp"
#include "head_rotations.hpp"
#include "model_source.hpp"
#include "packed_weight.hpp"
#include "residual_rotation.hpp"
#include "simulation.hpp"

namespace dfrot::program {

/// Every rotation of a model: the residual stream's (R1), and with it those of heads (R2: v to o; R3: queries and keys, online) and
/// of the MLP (R4: before down, online).
struct model_rotation {
  /// @param residual R1; one that does not rotate leaves heads and MLP alone, too
  /// @param with_online false: only what is folded into weights, R1 and R2
  /// A quantized model's weights hold all rotations: it runs with what its folder says, and takes no other.
  /// Throws: std::invalid_argument where a head or the MLP has a width without a Hadamard matrix, and for a rotation of a quantized
  /// model.
  model_rotation(model_config const& config, residual_rotation residual, bool with_online = true);
  /// @param mlp_block channels of a Hadamard matrix before down, whose inverse is folded into it; 0: none
  model_rotation(model_config const& config, residual_rotation residual, std::size_t mlp_block);

  /// Heads have rotations of their own, where R1 rotates: else they stay as they are.   @param own none: Hadamard matrices
  void turn_heads_by(std::shared_ptr<head_rotations const> own);

  /// R3 alone: queries and keys behind their positions, where a head's width has a Hadamard matrix.
  void turn_keys_only(model_config const& config);

  residual_rotation residual;
  bool online = false;                  ///< whether there is R3
  bool folds_heads = true;              ///< whether v and o hold R2
  std::optional<run_hadamard> queries;  ///< R2 and R3 of all heads in a row; none: unrotated
  std::optional<run_hadamard> keys;
  std::optional<run_hadamard> mlp;              ///< R4
  std::shared_ptr<head_rotations const> heads;  ///< R2 where it is not the Hadamard matrix of a head; none: it is
};

/// What a method does to the input of linear layers, in place of rounding.
struct input_method {
  std::function<void(matrix_view<float>)> enter;  ///< in place, by several threads at a time
  matrix<float> down;  ///< (r x n) of a low-rank branch, which reads what comes in; none: no rows
};

/// The weights of a layer, with gains and rotations folded in: its norms have no gain. (Weights that are stored in 4 bits have
/// nothing folded in: where their norms have gains, these are here.)
struct layer_weights {
  matrix<float> q;
  matrix<float> k;
  matrix<float> v;
  matrix<float> o;
  matrix<float> gate;
  matrix<float> up;
  matrix<float> down;
  std::vector<float> q_bias;  // empty: none
  std::vector<float> k_bias;
  std::vector<float> v_bias;
  std::vector<float> o_bias;
  std::vector<float> attention_gain;  // empty: ones
  std::vector<float> mlp_gain;
  std::array<std::optional<packed_weight>, 7> packed;  ///< of those in 4 bits, in the order of weight_name
  std::array<std::optional<weight_codes>, 7> codes;    ///< the same as products read them: see prepare_codes()
  std::array<std::optional<input_method>, 4> methods;  ///< by site, attention to down
  std::array<matrix<float>, 7> branch_up;              ///< (outputs x r), where the method of the input has a branch
};

/// A weight's place among the seven.
enum class weight_name : std::uint8_t { q, k, v, o, gate, up, down };

/// A weight, and the site whose activations it multiplies.
struct weight_at_site {
  site where;
  matrix<float>* values;
};

/// The seven weights of a layer, in the order of weight_name: those of one site next to each other.
[[nodiscard]] inline std::array<weight_at_site, 7> weights_by_site(layer_weights& of) {
  return {{{site::attention, &of.q},
           {site::attention, &of.k},
           {site::attention, &of.v},
           {site::output, &of.o},
           {site::mlp, &of.gate},
           {site::mlp, &of.up},
           {site::down, &of.down}}};
}

/// Prepares the products of weights in 4 bits with inputs in 4 bits.
void prepare_codes(int threads, code_product way, layer_weights& weights);

/// Reads a layer and folds: gains into what reads the norm's output, R1 into inputs and outputs, R2 into v and o, the inverse of R4
/// into down. All products in double, rounded once. A quantized model's weights are read as they are, with their codes.
/// Throws: io_error as model_source; std::invalid_argument for a gain that is not finite.
[[nodiscard]] layer_weights load_layer(int threads, model_source const& source, std::size_t layer,
                                       model_rotation const& rotation);

/// Rows of the head with the last gain and R1 folded in.   @param gain the last one   @param first row   @param count of rows
[[nodiscard]] matrix<float> load_head_rows(int threads, model_source const& source, std::vector<float> const& gain,
                                           residual_rotation const& rotation, std::size_t first, std::size_t count);

}  // namespace dfrot::program
