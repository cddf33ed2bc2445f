#include "forward.hpp"

#include <Eigen/Core>
#include <algorithm>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/transform/rms_norm.hpp>

#include "attention.hpp"
#include "products.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t tokens_at_once = 256;
constexpr std::size_t outputs_at_once = 64;

void add_bias(std::vector<float> const& bias, matrix_view<float> rows) {
  for (std::size_t i = 0; !bias.empty() && i < rows.rows; ++i) {
    std::transform(rows.row(i), rows.row(i) + rows.columns, bias.data(), rows.row(i),
                   [](float x, float b) { return x + b; });
  }
}

/// y <- x / (1 + exp(-x)) * y
void gate_rows(matrix_view<float const> gate, matrix_view<float> up) {
  auto const columns = static_cast<Eigen::Index>(up.columns);
  for (std::size_t i = 0; i < up.rows; ++i) {
    Eigen::Map<Eigen::ArrayXf const> const x(gate.row(i), columns);
    Eigen::Map<Eigen::ArrayXf> y(up.row(i), columns);
    y *= x / (1.0F + (-x).exp());
  }
}

matrix<float> copy_of(matrix_view<float const> rows) {
  matrix<float> copy(rows.rows, rows.columns);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    std::copy_n(rows.row(i), rows.columns, copy.view().row(i));
  }
  return copy;
}

}  // namespace

model_run::model_run(model_source const& source, batch const& tokens, model_rotation const& rotation,
                     forward_options options)
    : config_(source.config()),
      tokens_(tokens),
      rotation_(rotation),
      options_(std::move(options)),
      positions_(config_, tokens.longest()),
      x_(tokens.tokens(), config_.hidden) {
  for (std::size_t i = 0; i < tokens_.tokens(); ++i) {
    source.read({tensor_role::embedding, 0}, static_cast<std::size_t>(tokens_.ids()[i]), x_.view().row_block(i, 1));
  }
  for_tokens([&](std::size_t /*first*/, matrix_view<float> x) { rotation_.residual.turn(x); });
}

void model_run::run_layer(std::size_t layer, layer_weights const& weights) {
  std::size_t const rows = tokens_.tokens();
  heads of{matrix<float>(rows, config_.q_rows()), matrix<float>(rows, config_.kv_rows()),
           matrix<float>(rows, config_.kv_rows())};
  for_tokens([&](std::size_t first, matrix_view<float> x) { project(layer, weights, of, first, x); });
  attend(options_.threads, config_, tokens_, of.q, of.k, of.v);
  for_tokens([&](std::size_t first, matrix_view<float> x) { finish(layer, weights, of, first, x); });
}

matrix<float> model_run::result() {
  rms_norm(cpu::policy{options_.threads}, x_.view(), config_.norm_epsilon);
  return std::move(x_);
}

template <class Body>
void model_run::for_tokens(Body const& body) {
  std::size_t const blocks = ceil_div(tokens_.tokens(), tokens_at_once);
  for_each_block(options_.threads, blocks, [&](std::size_t block) {
    std::size_t const first = block * tokens_at_once;
    body(first, x_.view().row_block(first, std::min(tokens_at_once, tokens_.tokens() - first)));
  });
}

void model_run::look(std::size_t layer, site where, std::size_t first, matrix_view<float const> rows) const {
  if (options_.look) {
    options_.look(layer, where, first, rows);
  }
}

/// Shows and rounds the input of a linear layer.
void model_run::enter(std::size_t layer, site where, std::size_t first, matrix_view<float> rows) const {
  look(layer, where, first, rows);
  if (options_.rounding.rounds(where, layer)) {
    round_rows(options_.rounding.activations, rows);
  }
}

/// Norm, q, k, v, positions, R3, rounded keys and values.
void model_run::project(std::size_t layer, layer_weights const& weights, heads& to, std::size_t first,
                        matrix_view<float> x) const {
  look(layer, site::residual, first, x);
  matrix<float> normed = copy_of(x);
  rms_norm(cpu::policy{1}, normed.view(), config_.norm_epsilon);
  enter(layer, site::attention, first, normed.view());
  auto const q = to.q.view().row_block(first, x.rows);
  auto const k = to.k.view().row_block(first, x.rows);
  auto const v = to.v.view().row_block(first, x.rows);
  multiply_by_transpose(normed.view(), weights.q.view(), 0, q);
  multiply_by_transpose(normed.view(), weights.k.view(), 0, k);
  multiply_by_transpose(normed.view(), weights.v.view(), 0, v);
  add_bias(weights.q_bias, q);
  add_bias(weights.k_bias, k);
  add_bias(weights.v_bias, v);
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::size_t const position = tokens_.positions()[first + i];
    positions_.turn(position, vector_view<float>(q.row(i), q.columns));
    positions_.turn(position, vector_view<float>(k.row(i), k.columns));
  }
  if (rotation_.online) {
    rotation_.queries->turn(q);
    rotation_.keys->turn(k);
  }
  if (options_.rounding.rounds(site::kv, layer)) {
    round_rows(options_.rounding.kv, k);
    round_rows(options_.rounding.kv, v);
  }
}

/// o, and the MLP.
void model_run::finish(std::size_t layer, layer_weights const& weights, heads& from, std::size_t first,
                       matrix_view<float> x) const {
  auto const attended = from.q.view().row_block(first, x.rows);
  enter(layer, site::output, first, attended);
  multiply_by_transpose(attended, weights.o.view(), 1, x);
  add_bias(weights.o_bias, x);
  matrix<float> normed = copy_of(x);
  rms_norm(cpu::policy{1}, normed.view(), config_.norm_epsilon);
  enter(layer, site::mlp, first, normed.view());
  matrix<float> gate(x.rows, config_.intermediate);
  matrix<float> up(x.rows, config_.intermediate);
  multiply_by_transpose(normed.view(), weights.gate.view(), 0, gate.view());
  multiply_by_transpose(normed.view(), weights.up.view(), 0, up.view());
  gate_rows(gate.view(), up.view());
  if (rotation_.mlp) {
    rotation_.mlp->turn(up.view());
  }
  enter(layer, site::down, first, up.view());
  multiply_by_transpose(up.view(), weights.down.view(), 1, x);
}

void round_weights(int threads, simulation const& how, std::size_t layer, layer_weights& weights) {
  if (how.weights.bits == 16) {
    return;
  }
  for (weight_at_site const& each : weights_by_site(weights)) {
    if (!how.rounds(each.where, layer)) {
      continue;
    }
    std::size_t const rows = each.values->rows();
    for_each_block(threads, ceil_div(rows, outputs_at_once), [&](std::size_t block) {
      std::size_t const first = block * outputs_at_once;
      round_rows(how.weights, each.values->view().row_block(first, std::min(outputs_at_once, rows - first)));
    });
  }
}

matrix<float> run_model(model_source const& source, batch const& tokens, model_rotation const& rotation,
                        forward_options const& options) {
  model_run run(source, tokens, rotation, options);
  for (std::size_t layer = 0; layer < source.config().layers; ++layer) {
    layer_weights weights = load_layer(options.threads, source, layer, rotation);
    round_weights(options.threads, options.rounding, layer, weights);
    run.run_layer(layer, weights);
    if (options.layer_done) {
      options.layer_done(layer + 1);
    }
  }
  return run.result();
}

}  // namespace dfrot::program
