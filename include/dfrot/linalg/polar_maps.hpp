#pragma once

#include <algorithm>
#include <cmath>

// What one step of the polar iteration does to a singular value: scalar functions. Internal to linalg.
namespace dfrot::detail {

/// x <- x (a + b x^2) / (1 + c x^2): a dynamically weighted Halley step.
struct halley_map {
  double a;
  double b;
  double c;

  [[nodiscard]] double operator()(double x) const { return x * (a + b * x * x) / (1 + c * x * x); }
};

/// The weights that raise the smallest of all values in [lower, 1] the most, and none above 1.
/// @param lower in (0, 1]
/// Source: Nakatsukasa, Bai, Gygi, "Optimizing Halley's iteration for computing the matrix polar decomposition", SIAM J.
/// Matrix Anal. Appl. 31, 2010, equation 3.11.
[[nodiscard]] inline halley_map best_halley_map(double lower) {
  double const square = lower * lower;
  double const d = std::cbrt(4 * std::max(0.0, 1 - square) / (square * square));
  double const root = std::sqrt(1 + d);
  double const a = root + 0.5 * std::sqrt(8 - 4 * d + 8 * (2 - square) / (square * root));
  double const b = (a - 1) * (a - 1) / 4;
  return {a, b, a + b - 1};
}

/// x <- c x^3 / (1 + c x^2): leaves values far above 1 / sqrt(c), makes those far below vanish.
[[nodiscard]] inline halley_map filtering_map(double c) { return {0, c, c}; }

/// The first terms of 1 / sqrt(1 - e) = 1 + e / 2 + 3 e^2 / 8 + 5 e^3 / 16 + 35 e^4 / 128 + …:
///   X (X^T X)^(-1/2) with e = I - X^T X, a Newton-Schulz step of higher degree.
/// Degree 4 is written with two squares, w e + z + u (e^2 + r e + t)^2, so that two matrices are enough to compute it.
struct inverse_root_series {
  int degree;
  double w = 0.5, z = 1, u = 0, r = 0, t = 0;

  /// The least degree of 1, 2 and 4 whose rest is below `tolerance` for |e| <= size; degree 0 if there is none.
  [[nodiscard]] static inverse_root_series for_deviation(double size, double tolerance) {
    if (3.0 / 8 * std::pow(size, 2) <= tolerance) {
      return {1};
    }
    if (5.0 / 16 * std::pow(size, 3) <= tolerance) {
      return {2, 0.5, 1, 3.0 / 8};
    }
    if (63.0 / 256 * std::pow(size, 5) <= tolerance) {
      constexpr double u = 35.0 / 128;
      constexpr double r = 5.0 / 16 / (2 * u);
      constexpr double t = (3.0 / 8 / u - r * r) / 2;
      return {4, 0.5 - 2 * u * r * t, 1 - u * t * t, u, r, t};
    }
    return {0};
  }
};

}  // namespace dfrot::detail
