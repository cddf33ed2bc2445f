#include "rounding.hpp"

#include <algorithm>
#include <cmath>

#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/fake_quantize.hpp>

namespace dfrot::program {

namespace {

/// One group of 8-bit codes. A group of zeros keeps them.
void round_to_bytes(bool symmetric, float* values, std::size_t count) {
  auto const [least, most] = std::minmax_element(values, values + count);
  float const low = std::min(*least, 0.0F);
  float const high = std::max(*most, 0.0F);
  float const scale = symmetric ? std::max(-low, high) / 127 : (high - low) / 255;
  if (!(scale > 0)) {
    return;
  }
  float const zero = symmetric ? 0.0F : std::nearbyint(-low / scale);
  float const first = symmetric ? -127.0F : 0.0F;
  float const last = symmetric ? 127.0F : 255.0F;
  std::transform(values, values + count, values,
                 [=](float x) { return scale * (std::clamp(std::nearbyint(x / scale) + zero, first, last) - zero); });
}

}  // namespace

void round_rows(rounding const& how, matrix_view<float> rows) {
  cpu::policy const on{1};
  if (how.bits == 16) {
    return;
  }
  if (how.bits == 8) {
    matrix_view<float const> const read = rows;
    reject_non_finite(read, first_non_finite_row(read));
    std::size_t const group = how.group == 0 ? rows.columns : how.group;
    for (std::size_t i = 0; i < rows.rows; ++i) {
      for (std::size_t j = 0; j < rows.columns; j += group) {
        round_to_bytes(how.symmetric, rows.row(i) + j, std::min(group, rows.columns - j));
      }
    }
    return;
  }
  if (how.range == scale_range::signed_range && how.symmetric) {
    fake_quantize(on, int4_signed{how.group}, rows, rows);
    return;
  }
  fake_quantize(on, int4_of(how), rows, rows);
}

}  // namespace dfrot::program
