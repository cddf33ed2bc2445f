#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>

#include "rounding.hpp"

namespace dfrot::program {

/// What the 4 bits of a product's two sides are.
enum class number_format : std::uint8_t {
  int4,   ///< codes -8 … 7, a scale for each token, and for each row or group of a weight
  mxfp4,  ///< E2M1, a power of two for each 32 values
  nvfp4   ///< E2M1, an E4M3 scale for each 16 values, and a multiplier for the tensor
};

[[nodiscard]] inline char const* name_of(number_format format) {
  constexpr char const* names[] = {"int4", "mxfp4", "nvfp4"};
  return names[static_cast<std::size_t>(format)];
}

/// How tokens and weights of linear layers are rounded.
struct product_rounding {
  number_format format = number_format::int4;
  int weight_bits = 4;                       ///< 4, or 16: left as they are
  int token_bits = 4;                        ///< 4, 16, or 8 of int4
  bool gptq = true;                          ///< else to nearest; both with scales that are searched, for int4
  scale_range range = scale_range::largest;  ///< of tokens, for int4
  std::size_t group = 0;                     ///< of weights, for int4

  /// What a weight of n inputs takes, in bits a number: codes, and scales of 16 bits or as the format says.
  [[nodiscard]] double bits_per_weight(std::size_t n) const;
};

/// Rounds each row to what its codes stand for, in place, on the calling thread. The multiplier of nvfp4 is that of these rows.
/// Throws: std::invalid_argument naming the row where a value is not finite.
void round_tokens(product_rounding const& how, matrix_view<float> rows);

/// A weight (o x n) as its codes give it back.   @param gram of the tokens that it multiplies (n x n); read by GPTQ
/// Throws: std::invalid_argument where a weight is not finite or overflows.
[[nodiscard]] matrix<float> round_weight(int threads, product_rounding const& how, matrix_view<float const> gram,
                                         matrix_view<float const> w);

}  // namespace dfrot::program
