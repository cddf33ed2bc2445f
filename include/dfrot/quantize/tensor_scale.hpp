#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// A scheme with the multiplier of its scale storage made for one tensor, where it has one (nvfp4); any other as it is.
///   g such that the group of the largest magnitude has the largest scale   (e4m3_scale::for_tensor())
/// @param x the tensor, finite   Complexity: O(m n), or O(1) without a multiplier.   Determinism: exact.
template <quantization_scheme Scheme, storage T>
[[nodiscard]] DFROT_PER_ISA Scheme for_tensor(Scheme scheme, matrix_view<T> x) {
  if constexpr (requires { scheme.storage = scheme.storage.for_tensor(1.0F, scheme.element.highest()); }) {
    double absmax = 0;
    for (std::size_t i = 0; i < x.rows; ++i) {
      for (std::size_t j = 0; j < x.columns; ++j) {
        absmax = std::max(absmax, std::fabs(static_cast<double>(load(x(i, j)))));
      }
    }
    scheme.storage = scheme.storage.for_tensor(static_cast<float>(absmax), scheme.element.highest());
  }
  return scheme;
}

}  // namespace dfrot
