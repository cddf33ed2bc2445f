#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include <dfrot/config.hpp>

// One step of the polar iteration as a map of singular values: scalar functions. Internal to linalg.
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

/// A polynomial near 1 / sqrt(1 - e) = 1 + e / 2 + 3 e^2 / 8 + 5 e^3 / 16 + … for small e:
///   X (X^T X)^(-1/2) with e = I - X^T X, a Newton-Schulz step of higher degree.
/// The series is economized: a term e^k that is left out is replaced by e^k - s^k T_k(e / s) / 2^(k-1), T_k Chebyshev's
/// polynomial, which is of lower degree, and whose error on |e| <= s is smaller by 2^(k-1).
/// Degree 4 is written with two squares, w e + z + u (e^2 + r e + t)^2, so that two matrices are enough to compute it.
/// Source: Lanczos, "Trigonometric interpolation of empirical and analytical functions", J. Math. Phys. 17, 1938.
struct inverse_root_series {
  int degree = 0;
  double w = 0, z = 0, u = 0, r = 0, t = 0;

  /// The least degree of 1, 2 and 4 whose error is at most `tolerance` for |e| <= size; degree 0 if there is none.
  [[nodiscard]] static inverse_root_series for_deviation(double size, double tolerance) {
    for (int const degree : {1, 2, 4}) {
      auto const [c, error] = economized(size, degree);
      if (!(error <= tolerance)) {
        continue;
      }
      if (degree < 4) {
        return {degree, c[1], c[0], degree == 2 ? c[2] : 0};
      }
      double const u = c[4];
      double const r = c[3] / (2 * u);
      double const t = (c[2] / u - r * r) / 2;
      return {degree, c[1] - 2 * u * r * t, c[0] - u * t * t, u, r, t};
    }
    return {};
  }

 private:
  static constexpr std::size_t last_term = 16;
  struct economized_series {
    std::array<double, last_term + 1> coefficients{};
    double error = 0;  ///< a bound for |e| <= size
  };

  [[nodiscard]] static economized_series economized(double size, int degree) {
    economized_series result;
    auto& c = result.coefficients;
    c[0] = 1;
    for (std::size_t k = 1; k <= last_term; ++k) {
      c[k] = c[k - 1] * (1 - 0.5 / static_cast<double>(k));
    }
    result.error = size < 1 ? c[last_term] * std::pow(size, last_term + 1) / (1 - size) : 1;
    for (std::size_t k = last_term; k > static_cast<std::size_t>(degree); --k) {
      auto const power = static_cast<double>(k);
      result.error += std::abs(c[k]) * std::pow(size, power) * std::pow(2, 1 - power);
      double factor = c[k];  // of (-s^2)^j e^(k - 2 j) in c_k s^k T_k(e / s) / 2^(k - 1)
      for (std::size_t j = 1; 2 * j <= k; ++j) {
        auto const step = static_cast<double>(j);
        factor *= -size * size * (power - 2 * step + 2) * (power - 2 * step + 1) / (4 * step * (power - step));
        c[k - 2 * j] -= factor;
      }
    }
    return result;
  }
};

}  // namespace dfrot::detail
