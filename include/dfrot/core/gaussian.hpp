#pragma once

#include <cmath>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/random.hpp>

namespace dfrot {

namespace detail {

// The functions below use only operations that IEEE 754 rounds correctly (+, *, /, sqrt, fma), each spelled out, so
// that every compiler and every device computes the same bits; std::log and std::cos differ between libraries.

/// Horner's rule with fused multiply-adds: c[0] + c[1] x + c[2] x^2 + …
template <int Count>
[[nodiscard]] DFROT_HOST_DEVICE inline double polynomial(double const (&coefficient)[Count], double x) {
  DFROT_EXACT_MATH
  double sum = coefficient[Count - 1];
  for (int i = Count - 2; i >= 0; --i) {
    sum = std::fma(sum, x, coefficient[i]);
  }
  return sum;
}

/// log(u) for normal u > 0: u = m 2^e with m in [1/sqrt 2, sqrt 2), log m = 2 artanh((m - 1) / (m + 1)).
/// The series is cut after s^21: error below 2e-16.
[[nodiscard]] DFROT_HOST_DEVICE inline double portable_log(double u) {
  DFROT_EXACT_MATH
  int exponent = 0;
  double mantissa = std::frexp(u, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2.0;
    --exponent;
  }
  constexpr double inverse_odd[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9, 1.0 / 11,
                                    1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  double const s = (mantissa - 1.0) / (mantissa + 1.0);
  double const series = polynomial(inverse_odd, s * s);
  return std::fma(static_cast<double>(exponent), 0.69314718055994531, 2.0 * s * series);
}

/// Cosine and sine of a turn fraction: cos(2 pi t), sin(2 pi t) for t in [0, 1). Taylor series on |angle| <= pi/4.
DFROT_HOST_DEVICE inline void portable_cos_sin(double turns, double& cosine, double& sine) {
  DFROT_EXACT_MATH
  double const quarter = std::floor(std::fma(turns, 4.0, 0.5));
  double const angle = 6.2831853071795865 * std::fma(quarter, -0.25, turns);
  double const square = angle * angle;
  constexpr double even[] = {1.0,
                             -1.0 / 2,
                             1.0 / 24,
                             -1.0 / 720,
                             1.0 / 40320,
                             -1.0 / 3628800,
                             1.0 / 479001600,
                             -1.0 / 87178291200,
                             1.0 / 20922789888000};
  constexpr double odd[] = {1.0,          -1.0 / 6,        1.0 / 120,        -1.0 / 5040,
                            1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000};
  double const c = polynomial(even, square);
  double const s = angle * polynomial(odd, square);
  int const quadrant = static_cast<int>(quarter) % 4;
  cosine = quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s;
  sine = quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c;
}

}  // namespace detail

/// Four independent standard normal numbers, as double; see gaussian_block().
struct gaussian_values {
  double value[4];
};

/// Four independent N(0, 1) numbers from one Philox block, by the Box–Muller transform:
///   sqrt(-2 log u) (cos 2 pi v, sin 2 pi v),   u, v uniform on (0, 1)
/// u has 32 bits, so that |value| <= 6.8; the first four moments are those of the normal distribution to 1e-8.
/// @param seed, stream, index, lane as for random_block(); value k of block i is number 4 i + k of a sequence
/// Determinism: the same bits on every backend and compiler that rounds as IEEE 754 asks.
/// Source: Box, Muller, "A note on the generation of random normal deviates", 1958.
[[nodiscard]] DFROT_HOST_DEVICE inline gaussian_values gaussian_block(std::uint64_t seed, random_stream stream,
                                                                      std::uint64_t index, std::uint32_t lane = 0) {
  DFROT_EXACT_MATH
  philox_block const bits = random_block(seed, stream, index, lane);
  gaussian_values result{};
  for (int pair = 0; pair < 2; ++pair) {
    double const radius = std::sqrt(-2.0 * detail::portable_log(uniform_from_bits(bits.word[2 * pair])));
    double cosine = 0;
    double sine = 0;
    detail::portable_cos_sin(uniform_from_bits(bits.word[2 * pair + 1]), cosine, sine);
    result.value[2 * pair] = radius * cosine;
    result.value[2 * pair + 1] = radius * sine;
  }
  return result;
}

}  // namespace dfrot
