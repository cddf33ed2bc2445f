#pragma once

#include <cstddef>
#include <functional>

#include <dfrot/core/matrix.hpp>

#include "batch.hpp"
#include "layer_weights.hpp"
#include "model_source.hpp"
#include "simulation.hpp"

namespace dfrot::program {

/// How a model is run.
struct forward_options {
  int threads = 1;
  simulation rounding;                               ///< what is rounded; nothing by default
  activation_observer look = {};                     ///< none: nobody looks
  std::function<void(std::size_t)> layer_done = {};  ///< called with the number of layers done; may throw to stop
};

/// Runs all sequences through the layers, one layer after the other. Returns the last norm's output before its gain, rotated by R1.
/// Memory: one layer of weights, and for each token 2 hidden + (heads + 2 kv_heads) head_dim floats.
/// Determinism: bitwise for any number of threads.
/// Throws: io_error as model_source; std::invalid_argument where activations overflow.
[[nodiscard]] matrix<float> run_model(model_source const& source, batch const& tokens, model_rotation const& rotation,
                                      forward_options const& options);

/// Rounds the weights of a layer to nearest, where the simulation says so.
void round_weights(int threads, simulation const& how, std::size_t layer, layer_weights& weights);

}  // namespace dfrot::program
