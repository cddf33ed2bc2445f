#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>

#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// What rotated tokens are drawn to: target(on, y, b) writes the point b of each value of y, and returns the objective, which a
/// Procrustes step towards b lowers, or leaves. Tokens have the norm sqrt(n) (zero tokens stay zero), so that values are about 1.
template <class Target, class P>
concept rotation_target = requires(Target const& target, P const& on, matrix_view<double const> y,
                                   matrix_view<double> b) {
  { target(on, y, b) } -> std::convertible_to<double>;
};

namespace detail {

/// Writes point(y) for each value, and sums up cost(y), one token after the other.
template <class Point, class Cost>
[[nodiscard]] double draw_values(matrix_view<double const> y, matrix_view<double> b, Point const& point,
                                 Cost const& cost) {
  double sum = 0;
  for (std::size_t i = 0; i < y.rows; ++i) {
    for (std::size_t j = 0; j < y.columns; ++j) {
      b(i, j) = point(y(i, j));
      sum += cost(y(i, j));
    }
  }
  return sum;
}

}  // namespace detail

/// The nearest corner of the cube that is inscribed into the sphere of tokens (ConQuR): all values of a size.
///   b = sign(y), +1 for 0,   objective = sum (|y| - 1)^2 = ||y - b||^2
/// Source: Thrash, Abbasi, Kolouri, arXiv 2605.10793 (from its abstract: corners, Procrustes, online updates).
struct corner_target {
  template <class P>
  double operator()(P const& /*on*/, matrix_view<double const> y, matrix_view<double> b) const {
    return detail::draw_values(
        y, b, [](double v) { return v < 0 ? -1.0 : 1.0; },
        [](double v) { return (std::abs(v) - 1) * (std::abs(v) - 1); });
  }
};

/// Values away from 0, where most of them are: the Whip objective, as a Procrustes step.
///   objective = sum exp(-|y|),   b = sign(y) (|y| + exp(-|y|))
/// exp(-r) has a curvature of at most 1 for r >= 0, so that exp(-r) <= exp(-r_0) - exp(-r_0) (r - r_0) + (r - r_0)^2 / 2. Rotations
/// keep the sum of r^2, and what is left is linear in r: its best rotation is the one nearest to b.
/// Source: the objective: "DartQuant", arXiv 2511.04063; the step is this library's.
struct whip_target {
  template <class P>
  double operator()(P const& /*on*/, matrix_view<double const> y, matrix_view<double> b) const {
    return detail::draw_values(
        y, b, [](double v) { return std::copysign(std::abs(v) + std::exp(-std::abs(v)), v); },
        [](double v) { return std::exp(-std::abs(v)); });
  }
};

/// The nearest points of a scheme, as in refine_rotation(): b = Q(y), objective = ||y - Q(y)||^2. The scale follows the token's largest
/// value, so that a step may raise the objective; who calls keeps the best.
template <quantization_scheme Scheme>
struct quantized_target {
  Scheme scheme{};

  template <class P>
  double operator()(P const& on, matrix_view<double const> y, matrix_view<double> b) const {
    fake_quantize(on, scheme, y, b);
    double sum = 0;
    for (std::size_t i = 0; i < y.rows; ++i) {
      for (std::size_t j = 0; j < y.columns; ++j) {
        sum += (y(i, j) - b(i, j)) * (y(i, j) - b(i, j));
      }
    }
    return sum;
  }
};

}  // namespace dfrot
