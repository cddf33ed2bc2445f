#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/optimize/gptq/gptq_factor.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

#include "rounding.hpp"

namespace dfrot::program {

/// A weight (outputs x inputs) in 4 bits: codes of int4_scheme{true, group}, two a byte, and the scales that they were made with.
struct packed_weight {
  packed_weight(std::size_t outputs, std::size_t inputs_of_it, std::size_t group_of_it);

  std::size_t inputs;
  std::size_t group;  ///< inputs that share a scale; 0: all
  matrix<std::uint8_t> codes;
  matrix<float> scales;  ///< outputs x groups; numbers of 16 bits where they were rounded to that

  [[nodiscard]] int4_scheme scheme() const { return {true, group, 1.0F, scale_rule::max}; }
  /// Writes what the codes stand for.   Throws: std::invalid_argument on shape.
  void values(int threads, matrix_view<float> w) const;
};

/// Rounds a weight to nearest, with the scales that how.range and how.scales say.
///   how.bits == 4, symmetric   Throws: std::invalid_argument naming the row that is not finite.
[[nodiscard]] packed_weight round_to_nearest(int threads, rounding const& how, matrix_view<float const> w);

/// What GPTQ knows of the inputs that a weight multiplies: their Gram matrix.
struct site_sums {
  site_sums(int threads, matrix_view<float const> sums);

  std::vector<float> diagonal;
  gptq_factor<float> factor;
};

/// Rounds a weight by GPTQ. The scale of a row, or of a group, is the one of 41 clip ratios between 1 and 0.5 with the least error, each
/// column weighted by the mean square of its activations.   Throws: std::invalid_argument where weights overflow.
[[nodiscard]] packed_weight round_by_gptq(int threads, rounding const& how, site_sums const& of,
                                          matrix_view<float const> w);

}  // namespace dfrot::program
