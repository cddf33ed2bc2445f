#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::detail {

/// A sum of products in float, in sixteen parts, which compilers keep in registers.
struct float_sums {
  float part[16] = {};

  /// Adds a_j b_j for j = 0 … count - 1: to part j mod 16.
  template <storage A, storage B>
  DFROT_PER_ISA void add(A const* a, B const* b, std::size_t count) {
    for (std::size_t j = 0; j < count; j += 16) {
      if (count - j >= 16) {
        for (std::size_t k = 0; k < 16; ++k) {
          part[k] += load(a[j + k]) * load(b[j + k]);
        }
      } else {
        for (std::size_t k = 0; k < count - j; ++k) {
          part[k] += load(a[j + k]) * load(b[j + k]);
        }
      }
    }
  }

  /// All parts, added up in pairs.
  [[nodiscard]] DFROT_PER_ISA float total() const {
    float sum[16];
    std::copy_n(part, 16, sum);
    for (std::size_t half = 8; half > 0; half /= 2) {
      for (std::size_t k = 0; k < half; ++k) {
        sum[k] += sum[k + half];
      }
    }
    return sum[0];
  }
};

}  // namespace dfrot::detail
