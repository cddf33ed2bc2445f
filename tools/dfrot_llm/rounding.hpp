#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/core/view.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::program {

/// Which scale a group of values gets.
enum class scale_range : std::uint8_t {
  largest,       ///< the largest magnitude becomes the highest code (7)
  signed_range,  ///< the entry of the largest magnitude, with its sign, becomes the lowest code (-8)
  searched,      ///< the best of 17 clip ratios between 1 and 0.6, by squared error
  // Of weights with scales of half precision:
  signed_or_largest,  ///< the better of the two
  searched_signed     ///< the best of the clip ratios of both
};

/// What the scales of weights are rounded to before codes are made with them.
enum class scale_number : std::uint8_t { float32, float16, bfloat16 };

/// How rows are rounded.
struct rounding {
  int bits = 16;  ///< 4, 8, or 16: left as they are
  bool symmetric = true;
  scale_range range = scale_range::largest;
  std::size_t group = 0;                        ///< columns that share a scale; 0: a row
  scale_number scales = scale_number::float32;  ///< of weights in 4 bits
};

/// The scheme of 4 bits, but for a signed range.   @pre how.bits == 4
[[nodiscard]] inline int4_scheme int4_of(rounding const& how) {
  return {how.symmetric, how.group, 1.0F, how.range == scale_range::searched ? scale_rule::search : scale_rule::max};
}

/// Rounds each row to what its codes stand for, in place, on the calling thread.
///   4 bits: fake_quantize() with the scheme;   8 bits: codes -127 ... 127, or 0 ... 255 with a zero point, always by the largest value
/// Throws: std::invalid_argument naming the row where a value is not finite.
void round_rows(rounding const& how, matrix_view<float> rows);

}  // namespace dfrot::program
