#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/expects.hpp>

namespace dfrot {

/// The groups of a product: those of one side, or of the other where that has smaller ones. Exact sums are taken over each.
/// Made by product_groups_of().
struct product_groups {
  std::size_t size = 1;              ///< channels of a group; the last may have fewer
  std::size_t count = 0;             ///< of a row
  std::size_t activation_ratio = 1;  ///< group g has the activations' scale g / activation_ratio
  std::size_t weight_ratio = 1;      ///< and the weights' scale g / weight_ratio
};

/// The groups of a product of rows of k channels. @param activations, weights channels that share a scale, 1 … k each, both 0
/// for k = 0
/// Throws: std::invalid_argument unless one is a multiple of the other, or the whole row.   Complexity: O(1).
[[nodiscard]] DFROT_PER_ISA constexpr product_groups product_groups_of(std::size_t k, std::size_t activations,
                                                                       std::size_t weights) {
  std::size_t const size = std::min(activations, weights);
  if (size == 0) {
    return {};
  }
  expects((activations == k || activations % size == 0) && (weights == k || weights % size == 0),
          "activations in groups of ", activations, " and weights in groups of ", weights,
          ": the larger must be a multiple of the smaller, or the whole row of ", k);
  std::size_t const count = ceil_div(k, size);
  auto const ratio = [=](std::size_t group) { return group == k ? count : group / size; };
  return {size, count, ratio(activations), ratio(weights)};
}

}  // namespace dfrot
