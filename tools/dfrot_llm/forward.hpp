#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include <dfrot/core/matrix.hpp>

#include "batch.hpp"
#include "layer_weights.hpp"
#include "model_source.hpp"
#include "rotary.hpp"
#include "simulation.hpp"

namespace dfrot::program {

/// How a model is run.
struct forward_options {
  int threads = 1;
  simulation rounding;                               ///< what is rounded; nothing by default
  activation_observer look = {};                     ///< none: nobody looks
  std::function<void(std::size_t)> layer_done = {};  ///< called with the number of layers done; may throw to stop
};

/// A model in the middle of a run: the residual stream of all tokens. Several can go through the layers side by side, which are read
/// once then; a copy goes on from where the original is.
/// Memory: hidden floats for each token; and (heads + 2 kv_heads) head_dim while a layer works.
/// Determinism: bitwise for any number of threads.
class model_run {
 public:
  /// Looks the tokens' embeddings up. All but the options have to outlive the run.   Throws: io_error as model_source.
  model_run(model_source const& source, batch const& tokens, model_rotation const& rotation, forward_options options);

  void look_with(activation_observer look) { options_.look = std::move(look); }

  /// The next layer.   Throws: std::invalid_argument where activations overflow.
  void run_layer(std::size_t layer, layer_weights const& weights);

  /// The last norm's output before its gain, rotated by R1. Ends the run.
  [[nodiscard]] matrix<float> result();

 private:
  struct heads {
    matrix<float> q;  // then the output of attention
    matrix<float> k;
    matrix<float> v;
  };

  template <class Body>
  void for_tokens(Body const& body);
  void look(std::size_t layer, site where, std::size_t first, matrix_view<float const> rows) const;
  struct layer_input;
  [[nodiscard]] layer_input enter(std::size_t layer, layer_weights const& weights, weight_name reader,
                                  std::size_t first, matrix_view<float> rows) const;
  void project(std::size_t layer, layer_weights const& weights, heads& to, std::size_t first,
               matrix_view<float> x) const;
  void finish(std::size_t layer, layer_weights const& weights, heads& from, std::size_t first,
              matrix_view<float> x) const;

  model_config const& config_;
  batch const& tokens_;
  model_rotation const& rotation_;
  forward_options options_;
  rotary positions_;
  matrix<float> x_;
};

/// Runs all sequences through the layers, one layer after the other: the result() of a model_run.
/// Throws: io_error as model_source; std::invalid_argument where activations overflow.
[[nodiscard]] matrix<float> run_model(model_source const& source, batch const& tokens, model_rotation const& rotation,
                                      forward_options const& options);

/// Rounds the weights of a layer to nearest, where the simulation says so; of those of 4 bits, it leaves the codes. Weights that are
/// stored in 4 bits stay as they are.
void round_weights(int threads, simulation const& how, std::size_t layer, layer_weights& weights);

}  // namespace dfrot::program
