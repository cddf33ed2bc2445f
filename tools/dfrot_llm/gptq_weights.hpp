#pragma once

#include <cstddef>
#include <functional>

#include "batch.hpp"
#include "forward.hpp"
#include "layer_weights.hpp"
#include "model_source.hpp"
#include "simulation.hpp"

namespace dfrot::program {

/// Rounds a model's weights by GPTQ, layer after layer. Calibration tokens go along: what a layer reads is what the layers before it,
/// rounded already, make of them; within a layer, it is what the exact weights make of them. Activations are exact.
/// Scales: see round_by_gptq().
/// Memory: twice hidden floats for each calibration token and, while a layer works, hidden of the three norms' width and the MLP's for
/// its inputs; a Gram matrix and its factor.
/// Determinism: bitwise for any number of threads.
class gptq_weights {
 public:
  /// All has to outlive this.   Throws: io_error as model_source.
  gptq_weights(int threads, model_source const& source, batch const& tokens, model_rotation const& rotation);

  /// Rounds the weights of the next layer in place, where the simulation says so: to 4 bits, in groups of how.weights.group.
  /// Throws: std::invalid_argument where activations or weights overflow.
  /// @param step called with 0 … 6 before a weight
  void round(simulation const& how, std::size_t layer, layer_weights& weights,
             std::function<void(std::size_t)> const& step = {});

  /// The next layer is rounded already.
  void pass(std::size_t layer, layer_weights const& weights);

 private:
  int threads_;
  std::size_t tokens_;
  model_run run_;
};

}  // namespace dfrot::program
