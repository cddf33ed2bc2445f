#pragma once

#include <cmath>
#include <cstddef>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>

#include "model_config.hpp"

namespace dfrot::program {

/// Rotary positions: channel i of a head and channel i + d / 2 are turned together.
///   a = p / (base^(2i / d) divisor_i);   (x, y) <- (x cos a - y sin a, y cos a + x sin a)
/// Source: Su et al., "RoFormer", arXiv 2104.09864, section 3.2; the order of channels is that of Hugging Face.
class rotary {
 public:
  /// Tables for positions 0 ... count - 1, angles in double.
  rotary(model_config const& config, std::size_t count)
      : half_(config.head_dim / 2), cosines_(count, half_), sines_(count, half_) {
    for (std::size_t i = 0; i < half_; ++i) {
      double const share = 2 * static_cast<double>(i) / static_cast<double>(config.head_dim);
      double const divisor = config.rope_divisors.empty() ? 1 : config.rope_divisors[i];
      double const step = std::pow(config.rope_base, -share) / divisor;
      for (std::size_t p = 0; p < count; ++p) {
        cosines_(p, i) = static_cast<float>(std::cos(static_cast<double>(p) * step));
        sines_(p, i) = static_cast<float>(std::sin(static_cast<double>(p) * step));
      }
    }
  }

  /// Turns all heads of a row. @param position of its token
  void turn(std::size_t position, vector_view<float> row) const {
    float const* const cosine = cosines_.view().row(position);
    float const* const sine = sines_.view().row(position);
    for (float* head = row.begin(); head < row.end(); head += 2 * half_) {
      for (std::size_t i = 0; i < half_; ++i) {
        float const x = head[i];
        float const y = head[i + half_];
        head[i] = x * cosine[i] - y * sine[i];
        head[i + half_] = y * cosine[i] + x * sine[i];
      }
    }
  }

 private:
  std::size_t half_;
  matrix<float> cosines_;
  matrix<float> sines_;
};

}  // namespace dfrot::program
