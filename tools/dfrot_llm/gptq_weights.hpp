#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <list>
#include <map>

#include <dfrot/linalg/gram.hpp>

#include "batch.hpp"
#include "forward.hpp"
#include "layer_weights.hpp"
#include "model_source.hpp"
#include "packed_weight.hpp"
#include "ranks.hpp"
#include "simulation.hpp"

namespace dfrot::program {

/// Rounds a model's weights by GPTQ, layer after layer. Calibration tokens go along: what a layer reads is what the layers before it,
/// rounded already, make of them; within a layer, it is what the exact weights make of them. Activations are exact.
/// The sequences are cut into up to twelve segments, whoever works on them, and their Gram matrices are added up in order; of a weight,
/// each rank rounds a part of the rows.
/// Scales: see round_by_gptq().
/// Memory: hidden floats for each calibration token of one's own; while a layer works, what a segment's tokens take (the stream, and the
/// inputs of the sites), two Gram matrices of each site, and a factor.
/// Determinism: bitwise for any number of threads, and of ranks.
class gptq_weights {
 public:
  /// All but the tokens have to outlive this.   Throws: io_error as model_source.
  gptq_weights(int threads, model_source const& source, batch const& tokens, model_rotation const& rotation,
               ranks const& together = alone());

  /// Rounds the weights of the next layer in place, where the simulation says so: to 4 bits, in groups of how.weights.group.
  /// Called by all ranks.   Throws: std::invalid_argument where activations or weights overflow.
  /// @param step called with 0 … 6 before a weight
  void round(simulation const& how, std::size_t layer, layer_weights& weights,
             std::function<void(std::size_t)> const& step = {});

  /// The next layer is rounded already.
  void pass(std::size_t layer, layer_weights const& weights);

 private:
  using site_grams = std::map<site, gram_sums<float>>;

  /// Some of the sequences, in the middle of a run.
  struct segment {
    segment(batch some, model_source const& source, model_rotation const& rotation, int threads)
        : tokens(std::move(some)), run(source, tokens, rotation, {threads, {}, {}, {}}) {}

    batch tokens;
    model_run run;
  };

  void add_segment(segment const& of, std::size_t layer, layer_weights const& weights, site_grams& sums) const;
  void add_in_order(std::size_t segments, site_grams& part, site_grams& total) const;
  [[nodiscard]] packed_weight round_rows(rounding const& how, site_sums const& of, matrix_view<float const> w) const;

  int threads_;
  ranks const& together_;
  std::size_t segments_;
  std::list<segment> own_;  // those with the numbers own, own + ranks, own + 2 ranks …
};

}  // namespace dfrot::program
