#pragma once

#include <cmath>
#include <cstddef>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/head_transforms.hpp>
#include <numeric>
#include <vector>

namespace dfrot::example {

/// Adds a linear layer, in plain loops: y <- y + x w^t.
inline void add_product(matrix<float> const& x, matrix<float> const& w, matrix<float>& y) {
  for (std::size_t i = 0; i < y.rows(); ++i) {
    for (std::size_t j = 0; j < y.columns(); ++j) {
      y(i, j) = std::inner_product(x.view().row(i), x.view().row(i) + x.columns(), w.view().row(j), y(i, j));
    }
  }
}

/// Rotary positions: channels c and c + d / 2 of a head are a point of the plane, turned by an angle.
inline void turn_by_position(head_layout const& layout, matrix<float>& x) {
  std::size_t const half = layout.head_dim / 2;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t c = 0; c < x.columns() / 2; ++c) {
      std::size_t const at = c / half * layout.head_dim + c % half;
      float const slowness = std::pow(1e4F, static_cast<float>(c % half) / static_cast<float>(half));
      float const angle = static_cast<float>(i) / slowness;
      float const a = x(i, at);
      float const b = x(i, at + half);
      x(i, at) = a * std::cos(angle) - b * std::sin(angle);
      x(i, at + half) = a * std::sin(angle) + b * std::cos(angle);
    }
  }
}

/// For each token and head: the mean of the values so far, weighted by exp(q k / sqrt(d)).
inline matrix<float> attend(head_layout const& layout, matrix<float> const& q, matrix<float> const& k,
                            matrix<float> const& v) {
  matrix<float> y(q.rows(), q.columns());
  std::size_t const d = layout.head_dim;
  std::vector<float> weights(q.rows());
  for (std::size_t h = 0; h < layout.heads; ++h) {
    std::size_t const of_kv = h / (layout.heads / layout.kv_heads) * d;
    for (std::size_t i = 0; i < q.rows(); ++i) {
      float sum = 0;
      for (std::size_t s = 0; s <= i; ++s) {
        float const* const key = &k(s, of_kv);
        float const score = std::inner_product(key, key + d, &q(i, h * d), 0.0F);
        sum += weights[s] = std::exp(score / std::sqrt(static_cast<float>(d)));
      }
      for (std::size_t s = 0; s <= i; ++s) {
        for (std::size_t c = 0; c < d; ++c) {
          y(i, h * d + c) += weights[s] / sum * v(s, of_kv + c);
        }
      }
    }
  }
  return y;
}

}  // namespace dfrot::example
