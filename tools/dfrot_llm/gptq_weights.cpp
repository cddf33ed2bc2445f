#include "gptq_weights.hpp"

#include <cstddef>

#include <dfrot/linalg/gram.hpp>

#include "packed_weight.hpp"
#include "site_rows.hpp"

namespace dfrot::program {

gptq_weights::gptq_weights(int threads, model_source const& source, batch const& tokens, model_rotation const& rotation)
    : threads_(threads), tokens_(tokens.tokens()), run_(source, tokens, rotation, {threads, {}, {}, {}}) {}

void gptq_weights::round(simulation const& how, std::size_t layer, layer_weights& weights,
                         std::function<void(std::size_t)> const& step) {
  cpu::policy const on{threads_};
  site_rows inputs;
  for (weight_at_site const& each : weights_by_site(weights)) {
    if (how.rounds(each.where, layer)) {
      inputs.try_emplace(each.where, tokens_, each.values->columns());
    }
  }
  if (!inputs.empty()) {
    model_run exact = run_;
    exact.look_with(copy_to(inputs));
    exact.run_layer(layer, weights);
  }
  for (auto& [where, rows] : inputs) {
    gram_sums<float> sums(rows.columns());
    sums.add(on, matrix_view<float const>(rows.view()));
    rows = {};
    site_sums const of(threads_, sums.values(on));
    auto const all = weights_by_site(weights);
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (all[k].where == where) {
        if (step) {
          step(k);
        }
        matrix<float>& w = *all[k].values;
        weights.packed[k] = round_by_gptq(threads_, how.weights, of, w.view());
        weights.packed[k]->values(threads_, w.view());
      }
    }
  }
  run_.run_layer(layer, weights);
}

void gptq_weights::pass(std::size_t layer, layer_weights const& weights) { run_.run_layer(layer, weights); }

}  // namespace dfrot::program
