#pragma once

#include <array>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot {

/// Sixteen values in rising order, given at run time: the centroids of a k-means, or a table of somebody's choice. The code is
/// the index. encode() takes the nearest value: it compares with the midpoints, rounded to float; ties go to the even code.
/// Under max_range, the largest magnitude of a group becomes the last value: a table is made for that (|values| <= values[15]).
/// Trivially copyable, 64 bytes.
class codebook16 {
 public:
  static constexpr bool sign_in_bit_3 = false;  ///< codes 0 … 15 stand for rising values (see threshold_element)

  /// Throws: std::invalid_argument if the values are not finite, fall, or end with none above 0.
  DFROT_PER_ISA constexpr explicit codebook16(std::array<float, 16> const& values) : values_{} {
    for (std::size_t k = 0; k < 16; ++k) {
      expects(is_finite(values[k]), "codebook16: value ", k, " is ", values[k], "; it must be finite");
      expects(k == 0 || values[k - 1] <= values[k], "codebook16: value ", k, " is ", values[k],
              ", less than the one before it; sort the table");
      values_[k] = values[k];
    }
    expects(values[15] > 0, "codebook16: the last value is ", values[15], "; it must be positive");
  }

  [[nodiscard]] DFROT_HOST_DEVICE constexpr float lowest() const { return values_[0]; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float highest() const { return values_[15]; }

  /// Half way from code k to code k + 1, k = 0 … 14.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float threshold(int k) const {
    DFROT_EXACT_MATH
    return values_[k] * 0.5F + values_[k + 1] * 0.5F;  // halved first: a sum may overflow
  }

  [[nodiscard]] DFROT_HOST_DEVICE constexpr int encode(double ratio) const {
    DFROT_EXACT_MATH
    int code = 0;
    for (int step = 8; step > 1; step /= 2) {
      code += ratio >= static_cast<double>(threshold(code + step - 1)) ? step : 0;
    }
    return code + (ratio > static_cast<double>(threshold(code)) ? 1 : 0);
  }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float value(int code) const { return values_[code]; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int code_of(int nibble) { return nibble; }

 private:
  float values_[16];
};

}  // namespace dfrot
