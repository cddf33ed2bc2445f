#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// A scale for integer arithmetic:   m / 2^k,   128 <= m <= 255, 0 <= k <= 63
struct dyadic {
  std::uint8_t m = 128;
  std::uint8_t k = 7;

  [[nodiscard]] DFROT_PER_ISA double value() const { return std::ldexp(static_cast<double>(m), -static_cast<int>(k)); }
  friend constexpr bool operator==(dyadic, dyadic) = default;
};

namespace detail {

/// a / (d 2^shift), rounded to eight bits. @pre a > 0, below 2^48; 0 < d < 2^16   @return false if k would not be 0 … 63
[[nodiscard]] DFROT_PER_ISA constexpr bool make_dyadic(std::uint64_t a, std::uint64_t d, int shift, dyadic& out) {
  int const up = 62 - static_cast<int>(std::bit_width(a));
  std::uint64_t const quotient = (a << static_cast<unsigned>(up)) / d;  // 46 bits or more
  int const down = static_cast<int>(std::bit_width(quotient)) - 8;
  std::uint64_t m = (quotient + (std::uint64_t{1} << static_cast<unsigned>(down - 1))) >> static_cast<unsigned>(down);
  int k = shift + up - down;
  if (m == 256) {
    m = 128;
    --k;
  }
  if (k < 0 || k > 63) {
    return false;
  }
  out = {static_cast<std::uint8_t>(m), static_cast<std::uint8_t>(k)};
  return true;
}

/// a / d, rounded half up. @pre a >= 0, d > 0
[[nodiscard]] DFROT_PER_ISA constexpr std::int64_t rounded_quotient(std::int64_t a, std::int64_t d) {
  return (2 * a + d) / (2 * d);
}

}  // namespace detail

/// The dyadic scale nearest to a number: to 0.4 %. @param scale from 2^-56 to 255
/// Throws: std::invalid_argument for another.
[[nodiscard]] DFROT_PER_ISA inline dyadic to_dyadic(double scale) {
  expects(scale >= 0x1p-56 && scale <= 255, "a scale of ", scale, " is not m / 2^k of 128 <= m <= 255, 0 <= k <= 63");
  int exponent = 0;
  double const fraction = std::frexp(scale, &exponent);  // in [1/2, 1)
  auto m = static_cast<int>(std::floor(fraction * 256 + 0.5));
  if (m == 256) {
    m = 128;
    ++exponent;
  }
  expects(exponent <= 8, "a scale of ", scale, " is more than 255");
  return {static_cast<std::uint8_t>(m), static_cast<std::uint8_t>(8 - exponent)};
}

/// Quantizes integer sums of a product anew, for each token, without a floating-point number (dynamic integer-only MatMul):
///   p_min = min(0, min P), p_max = max(0, max P),   Y = round((P - p_min) L / (p_max - p_min)),   L = 2^bits - 1
///   z = round(-p_min L / (p_max - p_min)),   s = (p_max - p_min) s_x s_w / L, as a dyadic number
/// so that P s_x s_w is about s (Y - z): within s, and 0.4 % of P for the rounded scale.
/// @param on where to run (host)   @param sums P (m x n), int32   @param token_scales s_x (m)   @param weight_scale s_w
/// @param bits 2 to 8   @param codes Y (m x n)   @param zero_points z (m)   @param scales s (m)
/// A row of zeros has codes and zero point 0, and scale 1.
/// Complexity: O(m n), no workspace.   Determinism: exact.
/// Throws: std::invalid_argument on shapes and bits, or for a row whose scale is not dyadic, above 255 or below 2^-56.
/// Source: Hu et al. (I-LLM), arXiv 2405.17849, section 3 (DI-MatMul); 0 is always in the range here, so that z is a code.
template <execution_policy P, class Sum>
requires std::is_same_v<Sum const, std::int32_t const>
void requantize(P const& on, matrix_view<Sum> sums, vector_view<dyadic const> token_scales, dyadic weight_scale,
                int bits, matrix_view<std::uint8_t> codes, vector_view<std::uint8_t> zero_points,
                vector_view<dyadic> scales) {
  check_policy<host_space>(on);
  check_stride("sums", sums);
  check_shape("codes", codes, sums.rows, sums.columns);
  expects(bits >= 2 && bits <= 8, "requantize: codes of ", bits, " bits; they have 2 to 8");
  expects(token_scales.size == sums.rows && zero_points.size == sums.rows && scales.size == sums.rows,
          "requantize: ", token_scales.size, " scales, ", zero_points.size, " zero points and ", scales.size,
          " new scales for ", sums.rows, " rows");
  std::int64_t const most = (1 << bits) - 1;
  constexpr dyadic refused{0, 0};
  parallel_for(threads_of(on), sums.rows, [&](std::size_t i) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    for (std::size_t j = 0; j < sums.columns; ++j) {
      low = std::min(low, static_cast<std::int64_t>(sums(i, j)));
      high = std::max(high, static_cast<std::int64_t>(sums(i, j)));
    }
    std::int64_t const range = std::max<std::int64_t>(high - low, 1);
    for (std::size_t j = 0; j < sums.columns; ++j) {
      codes(i, j) = static_cast<std::uint8_t>(detail::rounded_quotient((sums(i, j) - low) * most, range));
    }
    zero_points[i] = static_cast<std::uint8_t>(detail::rounded_quotient(-low * most, range));
    scales[i] = dyadic{};
    auto const product = static_cast<std::uint64_t>(high - low) * token_scales[i].m * weight_scale.m;
    if (product > 0 && !detail::make_dyadic(product, static_cast<std::uint64_t>(most),
                                            token_scales[i].k + weight_scale.k, scales[i])) {
      scales[i] = refused;
    }
  });
  for (std::size_t i = 0; i < sums.rows; ++i) {
    expects(scales[i] != refused, "requantize: the new scale of row ", i,
            " is not m / 2^k of 128 <= m <= 255, 0 <= k <= 63: choose other units");
  }
}

}  // namespace dfrot
