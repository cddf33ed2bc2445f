#include "forward.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <functional>

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

void apply_gain(std::vector<float> const& gain, matrix_view<float> rows) {
  for (std::size_t i = 0; !gain.empty() && i < rows.rows; ++i) {
    std::transform(rows.row(i), rows.row(i) + rows.columns, gain.data(), rows.row(i), std::multiplies<>());
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

site site_of(weight_name name) {
  return name <= weight_name::v                                 ? site::attention
         : name == weight_name::o                               ? site::output
         : name == weight_name::gate || name == weight_name::up ? site::mlp
                                                                : site::down;
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

/// What linear layers multiply: rows, rounded or not, or the codes that they are rounded to.
struct model_run::layer_input {
  matrix_view<float> rows;
  std::optional<token_codes> codes;
  std::vector<std::size_t> spared = {};  // rows that are left as they are
  matrix<float> exact = {};              // those
  matrix<float> branch = {};             // what a low-rank branch has made of the rows

  /// Keeps the rows of tokens that are not rounded.
  void spare(simulation const& how, std::size_t layer, site where, std::size_t first) {
    for (std::size_t i = 0; how.spared && i < rows.rows; ++i) {
      if (how.spared->contains(layer, where, first + i)) {
        spared.push_back(i);
      }
    }
    exact = matrix<float>(spared.size(), rows.columns);
    for (std::size_t k = 0; k < spared.size(); ++k) {
      std::copy_n(rows.row(spared[k]), rows.columns, exact.view().row(k));
    }
  }
  void put_back() const {
    for (std::size_t k = 0; k < spared.size(); ++k) {
      std::copy_n(exact.view().row(k), rows.columns, rows.row(spared[k]));
    }
  }

  /// y <- x w^t, or y + x w^t.
  void multiply(matrix<float> const& w, layer_weights const& all, weight_name name, bool add,
                matrix_view<float> y) const {
    if (codes) {
      codes->multiply(*all.codes[static_cast<std::size_t>(name)], add, y);
      for (std::size_t k = 0; k < spared.size(); ++k) {  // behind norms, where nothing is added
        multiply_by_transpose(exact.view().row_block(k, 1), w.view(), 0.0F, y.row_block(spared[k], 1));
      }
    } else {
      multiply_by_transpose(rows, w.view(), add ? 1.0F : 0.0F, y);
    }
    if (branch.rows() != 0) {
      multiply_by_transpose(branch.view(), all.branch_up[static_cast<std::size_t>(name)].view(), 1.0F, y);
    }
  }
};

/// Shows and rounds the input of linear layers. @param reader one of them
model_run::layer_input model_run::enter(std::size_t layer, layer_weights const& weights, weight_name reader,
                                        std::size_t first, matrix_view<float> rows) const {
  auto const place = static_cast<std::size_t>(reader);
  site const where = site_of(reader);
  look(layer, where, first, rows);
  if (where == site::attention || where == site::mlp) {
    apply_gain(where == site::mlp ? weights.mlp_gain : weights.attention_gain, rows);
  }
  layer_input input{rows, {}};
  if (auto const& method = weights.methods[static_cast<std::size_t>(where)]) {
    if (method->down.rows() != 0) {
      input.branch = matrix<float>(rows.rows, method->down.rows());
      multiply_by_transpose(rows, method->down.view(), 0.0F, input.branch.view());
    }
    method->enter(rows);
  } else if (options_.rounding.rounds(where, layer)) {
    input.spare(options_.rounding, layer, where, first);
    bool const as_codes = options_.rounding.activations.bits == 4 && weights.codes[place];
    if (as_codes) {
      input.codes.emplace(options_.rounding.activations, rows);
    } else {
      round_rows(options_.rounding.activations, rows);
      input.put_back();
    }
  }
  return input;
}

/// Norm, q, k, v, positions, R3, rounded keys and values.
void model_run::project(std::size_t layer, layer_weights const& weights, heads& to, std::size_t first,
                        matrix_view<float> x) const {
  look(layer, site::residual, first, x);
  matrix<float> normed = copy_of(x);
  rms_norm(cpu::policy{1}, normed.view(), config_.norm_epsilon);
  layer_input const input = enter(layer, weights, weight_name::q, first, normed.view());
  auto const q = to.q.view().row_block(first, x.rows);
  auto const k = to.k.view().row_block(first, x.rows);
  auto const v = to.v.view().row_block(first, x.rows);
  input.multiply(weights.q, weights, weight_name::q, false, q);
  input.multiply(weights.k, weights, weight_name::k, false, k);
  input.multiply(weights.v, weights, weight_name::v, false, v);
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
  enter(layer, weights, weight_name::o, first, attended).multiply(weights.o, weights, weight_name::o, true, x);
  add_bias(weights.o_bias, x);
  matrix<float> normed = copy_of(x);
  rms_norm(cpu::policy{1}, normed.view(), config_.norm_epsilon);
  layer_input const input = enter(layer, weights, weight_name::gate, first, normed.view());
  matrix<float> gate(x.rows, config_.intermediate);
  matrix<float> up(x.rows, config_.intermediate);
  input.multiply(weights.gate, weights, weight_name::gate, false, gate.view());
  input.multiply(weights.up, weights, weight_name::up, false, up.view());
  gate_rows(gate.view(), up.view());
  if (rotation_.mlp) {
    rotation_.mlp->turn(up.view());
  }
  enter(layer, weights, weight_name::down, first, up.view())
      .multiply(weights.down, weights, weight_name::down, true, x);
}

void round_weights(int threads, simulation const& how, std::size_t layer, layer_weights& weights) {
  auto const all = weights_by_site(weights);
  for (std::size_t k = 0; k < all.size(); ++k) {
    matrix<float>& w = *all[k].values;
    bool const is_packed = weights.packed[k].has_value();
    if (how.weights.bits == 16 || is_packed || !how.rounds(all[k].where, layer)) {
      continue;
    }
    if (how.weights.bits == 4) {
      weights.packed[k] = round_to_nearest(threads, how.weights, w.view());
      weights.packed[k]->values(threads, w.view());
      continue;
    }
    for_each_block(threads, ceil_div(w.rows(), outputs_at_once), [&](std::size_t block) {
      std::size_t const first = block * outputs_at_once;
      round_rows(how.weights, w.view().row_block(first, std::min(outputs_at_once, w.rows() - first)));
    });
  }
}

matrix<float> run_model(model_source const& source, batch const& tokens, model_rotation const& rotation,
                        forward_options const& options) {
  model_run run(source, tokens, rotation, options);
  for (std::size_t layer = 0; layer < source.config().layers; ++layer) {
    layer_weights weights = load_layer(options.threads, source, layer, rotation);
    round_weights(options.threads, options.rounding, layer, weights);
    if (options.rounding.activations.bits == 4) {
      prepare_codes(options.threads, options.rounding.product, weights);
    }
    run.run_layer(layer, weights);
    if (options.layer_done) {
      options.layer_done(layer + 1);
    }
  }
  return run.result();
}

}  // namespace dfrot::program
