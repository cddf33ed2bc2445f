#pragma once

// A small model in memory, and its forward pass as the formulas stand: in double, a token at a time, with complex numbers for
// rotary positions.

#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/io/io_error.hpp>

#include "dfrot_llm/model_source.hpp"
#include "support/gaussian_matrix.hpp"

namespace dfrot::test {

/// Random weights; gains near 1, one of them large.
class memory_model : public program::model_source {
 public:
  explicit memory_model(program::model_config config, bool biases, std::uint64_t seed) {
    using program::tensor_role;
    config_ = std::move(config);
    name_ = "a model in memory";
    for (std::size_t layer = 0; layer < config_.layers; ++layer) {
      for (int role = 0; role <= static_cast<int>(tensor_role::head); ++role) {
        auto const kind = static_cast<tensor_role>(role);
        bool const is_bias = kind >= tensor_role::q_bias && kind <= tensor_role::o_bias;
        bool const is_gain =
            kind == tensor_role::attention_gain || kind == tensor_role::mlp_gain || kind == tensor_role::final_gain;
        if ((is_bias && !biases) || (kind == tensor_role::head && config_.tied)) {
          continue;
        }
        program::tensor_shape const shape = program::shape_of(config_, kind);
        matrix<float> values = gaussian_matrix<float>(shape.rows, shape.columns, seed++);
        float const scale = is_gain || is_bias ? 0.3F : 1.5F / std::sqrt(static_cast<float>(shape.columns));
        for (std::size_t i = 0; i < shape.rows * shape.columns; ++i) {
          values.data()[i] = values.data()[i] * scale + (is_gain ? 1.0F : 0.0F);
        }
        if (is_gain) {
          values(0, 3) = 7;
        }
        tensors_[{kind, once(kind) ? 0 : layer}] = std::move(values);
      }
    }
  }

  [[nodiscard]] bool contains(program::tensor_id id) const override { return tensors_.count(key(id)) != 0; }

  void read(program::tensor_id id, std::size_t first, matrix_view<float> block) const override {
    auto const found = tensors_.find(key(id));
    if (found == tensors_.end()) {
      throw io_error(describe(id) + " is missing");
    }
    for (std::size_t i = 0; i < block.rows; ++i) {
      for (std::size_t j = 0; j < block.columns; ++j) {
        block(i, j) = found->second(first + i, j);
      }
    }
  }

  [[nodiscard]] matrix<float> const& at(program::tensor_role role, std::size_t layer = 0) const {
    return tensors_.at(key({role, layer}));
  }

 private:
  static bool once(program::tensor_role role) {
    return role == program::tensor_role::embedding || role == program::tensor_role::final_gain ||
           role == program::tensor_role::head;
  }
  [[nodiscard]] std::pair<program::tensor_role, std::size_t> key(program::tensor_id id) const {
    bool const as_embedding = id.role == program::tensor_role::head && config_.tied;
    return {as_embedding ? program::tensor_role::embedding : id.role, once(id.role) ? 0 : id.layer};
  }

  std::map<std::pair<program::tensor_role, std::size_t>, matrix<float>> tensors_;
};

using row = std::vector<double>;

[[nodiscard]] inline row plain_norm(row const& x, matrix<float> const& gain, double epsilon) {
  double squares = 0;
  for (double const value : x) {
    squares += value * value;
  }
  row y = x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] *= static_cast<double>(gain(0, i)) / std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
  }
  return y;
}

[[nodiscard]] inline row plain_linear(row const& x, matrix<float> const& w, matrix<float> const* bias) {
  row y(w.rows());
  for (std::size_t o = 0; o < w.rows(); ++o) {
    y[o] = bias == nullptr ? 0 : static_cast<double>((*bias)(0, o));
    for (std::size_t i = 0; i < x.size(); ++i) {
      y[o] += static_cast<double>(w(o, i)) * x[i];
    }
  }
  return y;
}

inline void plain_positions(program::model_config const& config, std::size_t position, row& x) {
  std::size_t const half = config.head_dim / 2;
  for (std::size_t head = 0; head * config.head_dim < x.size(); ++head) {
    for (std::size_t i = 0; i < half; ++i) {
      double& real = x[head * config.head_dim + i];
      double& imaginary = x[head * config.head_dim + half + i];
      double const exponent = -static_cast<double>(i) / static_cast<double>(half);
      double const divisor = config.rope_divisors.empty() ? 1 : config.rope_divisors[i];
      double const angle = static_cast<double>(position) * std::pow(config.rope_base, exponent) / divisor;
      std::complex<double> const turned = std::complex<double>(real, imaginary) * std::polar(1.0, angle);
      real = turned.real();
      imaginary = turned.imag();
    }
  }
}

/// What one token attends to: weights over those before it, of one head.
[[nodiscard]] inline row plain_head(program::model_config const& config, row const& q, std::vector<row> const& keys,
                                    std::vector<row> const& values, std::size_t head) {
  std::size_t const d = config.head_dim;
  std::size_t const shared = head * config.kv_heads / config.heads;
  row weights;
  double sum = 0;
  for (row const& key : keys) {
    double score = 0;
    for (std::size_t i = 0; i < d; ++i) {
      score += q[head * d + i] * key[shared * d + i];
    }
    weights.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
    sum += weights.back();
  }
  row result(d);
  for (std::size_t t = 0; t < weights.size(); ++t) {
    for (std::size_t i = 0; i < d; ++i) {
      result[i] += weights[t] / sum * values[t][shared * d + i];
    }
  }
  return result;
}

/// The last norm's output after its gain, for each token of a sequence.
[[nodiscard]] inline std::vector<row> plain_forward(memory_model const& model, std::vector<std::int32_t> const& ids) {
  using program::tensor_role;
  program::model_config const& config = model.config();
  auto const bias = [&](tensor_role role, std::size_t layer) {
    return model.contains({role, layer}) ? &model.at(role, layer) : nullptr;
  };
  std::vector<std::vector<row>> keys(config.layers);
  std::vector<std::vector<row>> values(config.layers);
  std::vector<row> outputs;
  for (std::size_t position = 0; position < ids.size(); ++position) {
    row x(config.hidden);
    for (std::size_t i = 0; i < config.hidden; ++i) {
      x[i] = static_cast<double>(model.at(tensor_role::embedding)(static_cast<std::size_t>(ids[position]), i));
    }
    for (std::size_t l = 0; l < config.layers; ++l) {
      row const normed = plain_norm(x, model.at(tensor_role::attention_gain, l), config.norm_epsilon);
      row q = plain_linear(normed, model.at(tensor_role::q, l), bias(tensor_role::q_bias, l));
      row k = plain_linear(normed, model.at(tensor_role::k, l), bias(tensor_role::k_bias, l));
      plain_positions(config, position, q);
      plain_positions(config, position, k);
      keys[l].push_back(k);
      values[l].push_back(plain_linear(normed, model.at(tensor_role::v, l), bias(tensor_role::v_bias, l)));
      row attended;
      for (std::size_t head = 0; head < config.heads; ++head) {
        row const part = plain_head(config, q, keys[l], values[l], head);
        attended.insert(attended.end(), part.begin(), part.end());
      }
      row const o = plain_linear(attended, model.at(tensor_role::o, l), bias(tensor_role::o_bias, l));
      for (std::size_t i = 0; i < config.hidden; ++i) {
        x[i] += o[i];
      }
      row const inner = plain_norm(x, model.at(tensor_role::mlp_gain, l), config.norm_epsilon);
      row const gate = plain_linear(inner, model.at(tensor_role::gate, l), nullptr);
      row up = plain_linear(inner, model.at(tensor_role::up, l), nullptr);
      for (std::size_t i = 0; i < up.size(); ++i) {
        up[i] *= gate[i] / (1 + std::exp(-gate[i]));
      }
      row const down = plain_linear(up, model.at(tensor_role::down, l), nullptr);
      for (std::size_t i = 0; i < config.hidden; ++i) {
        x[i] += down[i];
      }
    }
    outputs.push_back(plain_norm(x, model.at(tensor_role::final_gain), config.norm_epsilon));
  }
  return outputs;
}

/// Log probabilities of the vocabulary after a token.
[[nodiscard]] inline row plain_log_probabilities(memory_model const& model, row const& hidden) {
  using program::tensor_role;
  row logits =
      plain_linear(hidden, model.at(model.config().tied ? tensor_role::embedding : tensor_role::head), nullptr);
  double sum = 0;
  for (double const logit : logits) {
    sum += std::exp(logit);
  }
  for (double& logit : logits) {
    logit -= std::log(sum);
  }
  return logits;
}

}  // namespace dfrot::test
