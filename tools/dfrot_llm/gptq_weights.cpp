#include "gptq_weights.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/linalg/gram.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <dfrot/optimize/gptq/search_clip.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/scheme.hpp>

#include "site_rows.hpp"

namespace dfrot::program {

namespace {

constexpr clip_options clip_ratios = {41, 0.5F, 2};

/// What multiplies the weights of one site.
struct site_sums {
  std::vector<float> diagonal;
  gptq_factor<float> factor;

  site_sums(cpu::policy on, matrix_view<float const> sums) : diagonal(diagonal_of(sums)), factor(on, sums, options()) {}

  static std::vector<float> diagonal_of(matrix_view<float const> sums) {
    std::vector<float> values(sums.rows);
    for (std::size_t i = 0; i < sums.rows; ++i) {
      values[i] = sums(i, i);
    }
    return values;
  }

  static gptq_options options() {
    gptq_options chosen;
    chosen.or_nearest = true;
    chosen.scales = gptq_scales::given;
    return chosen;
  }
};

void round_by_gptq(cpu::policy on, int4_scheme const& scheme, site_sums const& of, matrix<float>& w, code_product way,
                   std::optional<weight_codes>& to) {
  matrix<std::uint8_t> codes(w.rows(), packed_columns(w.columns()));
  matrix<float> scales(w.rows(), group_count(scheme, w.columns()));
  quantized_rows<std::uint8_t, float> const out{codes.view(), scales.view(), {}};
  matrix_view<float const> const values = w.view();
  static_cast<void>(search_clip(on, scheme, values, vector_view<float const>(of.diagonal.data(), of.diagonal.size()),
                                clip_ratios, out));
  static_cast<void>(gptq(on, scheme, values, of.factor, out));
  dequantize(on, scheme, out.as_const(), w.view());
  to.emplace(on.threads, way, std::as_const(codes).view(), std::move(scales), w.columns(), scheme.group);
}

}  // namespace

gptq_weights::gptq_weights(int threads, model_source const& source, batch const& tokens, model_rotation const& rotation)
    : threads_(threads), tokens_(tokens.tokens()), run_(source, tokens, rotation, {threads, {}, {}, {}}) {}

void gptq_weights::round(simulation const& how, std::size_t layer, layer_weights& weights) {
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
  int4_scheme const scheme{true, how.weights.group, 1.0F, scale_rule::max};
  for (auto& [where, rows] : inputs) {
    gram_sums<float> sums(rows.columns());
    sums.add(on, matrix_view<float const>(rows.view()));
    rows = {};
    site_sums const of(on, sums.values(on));
    auto const all = weights_by_site(weights);
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (all[k].where == where) {
        round_by_gptq(on, scheme, of, *all[k].values, how.product, weights.codes[k]);
      }
    }
  }
  run_.run_layer(layer, weights);
}

}  // namespace dfrot::program
