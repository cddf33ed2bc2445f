// Weights of whole models by GPTQ: what each layer is calibrated with, and that it pays.

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <dfrot/transform/randomized_hadamard.hpp>

#include "dfrot_llm/gptq_weights.hpp"
#include "plain_model.hpp"
#include "small_model.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"

using namespace dfrot;
using namespace dfrot::program;
using dfrot::test::memory_model;
using dfrot::test::same_bytes;

namespace {

batch some_tokens() { return batch(test::small_sequences({200, 201, 202})); }

simulation weights_of_4_bits(std::size_t group) {
  simulation how;
  how.weights = {4, true, scale_range::searched, group};
  return how;
}

/// The inputs of every site, as the layer's weights make them.
std::map<site, matrix<float>> inputs_of(model_run run, std::size_t layer, layer_weights& weights, std::size_t tokens) {
  std::map<site, matrix<float>> inputs;
  for (weight_at_site const& each : weights_by_site(weights)) {
    inputs.try_emplace(each.where, tokens, each.values->columns());
  }
  run.look_with([&](std::size_t, site where, std::size_t first, matrix_view<float const> rows) {
    auto const to = inputs.find(where);
    for (std::size_t i = 0; to != inputs.end() && i < rows.rows; ++i) {
      std::copy_n(rows.row(i), rows.columns, to->second.view().row(first + i));
    }
  });
  run.run_layer(layer, weights);
  return inputs;
}

/// ||X (W - Q)^T||^2, in double.
double output_error(matrix<float> const& x, matrix<float> const& w, matrix<float> const& q) {
  double sum = 0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t o = 0; o < w.rows(); ++o) {
      double difference = 0;
      for (std::size_t j = 0; j < w.columns(); ++j) {
        difference += static_cast<double>(x(i, j)) * (static_cast<double>(w(o, j)) - static_cast<double>(q(o, j)));
      }
      sum += difference * difference;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("GPTQ lowers the errors of what a layer computes, layer after rounded layer") {
  memory_model const model(test::small_config(24, 40, 6), false, 11);
  batch const tokens = some_tokens();
  for (std::size_t const group : {std::size_t{0}, std::size_t{8}}) {
    model_rotation const rotation(model.config(), residual_rotation(short_rotation(randomized_hadamard(24, 3))));
    simulation const how = weights_of_4_bits(group);
    gptq_weights gptq(2, model, tokens, rotation);
    model_run so_far(model, tokens, rotation, {2, {}, {}, {}});
    for (std::size_t layer = 0; layer < model.config().layers; ++layer) {
      layer_weights exact = load_layer(2, model, layer, rotation);
      layer_weights nearest = exact;
      layer_weights rounded = exact;
      round_weights(2, how, layer, nearest);
      gptq.round(how, layer, rounded);
      auto const inputs = inputs_of(so_far, layer, exact, tokens.tokens());
      for (std::size_t k = 0; k < 7; ++k) {
        auto const [where, values] = weights_by_site(exact)[k];
        double const of_nearest = output_error(inputs.at(where), *values, *weights_by_site(nearest)[k].values);
        double const of_gptq = output_error(inputs.at(where), *values, *weights_by_site(rounded)[k].values);
        INFO("group " << group << ", layer " << layer << ", weight " << k << ": " << of_gptq << " < " << of_nearest);
        CHECK(of_gptq < of_nearest);
      }
      so_far.run_layer(layer, rounded);
    }
  }
}

TEST_CASE("GPTQ rounds where it is told to, with the same bytes for any number of threads") {
  memory_model const model(test::small_config(24, 40, 6), false, 12);
  batch const tokens = some_tokens();
  model_rotation const rotation(model.config(), residual_rotation());
  simulation how = weights_of_4_bits(0);
  how.sites = {site::output, site::down};
  how.first_layer = 1;
  gptq_weights one(1, model, tokens, rotation);
  gptq_weights three(3, model, tokens, rotation);
  gptq_weights after_rounded(2, model, tokens, rotation);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    layer_weights exact = load_layer(1, model, layer, rotation);
    layer_weights a = exact;
    layer_weights b = exact;
    layer_weights c = exact;
    one.round(how, layer, a);
    three.round(how, layer, b);
    after_rounded.round(weights_of_4_bits(0), layer, c);
    for (std::size_t k = 0; k < 7; ++k) {
      auto const [where, values] = weights_by_site(a)[k];
      INFO("layer " << layer << ", weight " << k);
      CHECK(same_bytes(*values, *weights_by_site(b)[k].values));
      CHECK(same_bytes(*values, *weights_by_site(exact)[k].values) == !how.rounds(where, layer));
    }
    CHECK((layer == 0 || !same_bytes(a.down, c.down)));  // c has seen what a rounded first layer makes of the tokens
  }
}
