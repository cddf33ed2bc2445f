#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <dfrot/core/expects.hpp>
#include <dfrot/linalg/detail/polar_maps.hpp>

// The rules of the iteration behind nearest_orthogonal(): scalars, wherever the matrices are. Internal to linalg.
namespace dfrot::detail {

/// The smallest lower bound that a Halley step is weighted for. Its weight c is the condition of the matrix that is
/// factored, so c times the rounding error must stay small: c is 1e3 in float32, 1e8 in float64.
template <class T>
inline constexpr double least_lower_bound = sizeof(T) == 4 ? 8e-3 : 1.4e-6;

/// QDWH: makes the singular values of X equal to 1 by Halley steps X <- X (a I + b G) (I + c G)^-1, G = X^T X, and a last
/// step with a polynomial in G.
///
/// A step is weighted for the smallest singular value. That value is measured, not assumed: by inverse iteration with the
/// Cholesky factor of I + c G, and near the end by ||I - G||_2. A value too small to be seen at the largest c allowed is raised
/// by that step's factor a and measured again. A value that is not seen after two such steps counts as zero.
///
/// Matrices holds X, G and the factor, and does what is linear algebra: see polar_iteration, where they are on the host.
template <class T, class Matrices>
class polar_steps {
 public:
  explicit polar_steps(Matrices& matrices) : matrices_(matrices) {}

  /// Iterates to the end.
  /// @return true if X is orthogonal now; false if it is singular: then its singular values are 1 and, to rounding, 0
  /// Throws: std::invalid_argument if the iteration does not converge; what the matrices throw.
  [[nodiscard]] bool run() {
    matrices_.compute_gram();
    scale_ = 1 / std::sqrt(matrices_.largest_of_gram());
    for (int step = 0; step < 40; ++step) {
      double const deviation = measured_deviation();
      // After a Halley step, no eigenvalue of G is above 1: the polynomial is taken around the middle of [1 - deviation, 1].
      double const middle = bounded_ ? 1 - deviation / 2 : 1;
      auto const series = inverse_root_series::for_deviation(deviation / (bounded_ ? 2 * middle : 1), tolerance);
      if (series.degree > 0) {
        finish(series, middle);
        if (singular_ || matrices_.distance_from_orthogonal() < 32 * tolerance) {
          return !singular_;
        }
        lower_ = 0;
      } else {
        halley_step();
      }
      matrices_.compute_gram();
    }
    reject(
        message("the polar iteration of a ", matrices_.order(), " x ", matrices_.order(), " matrix did not converge"));
  }

 private:
  static constexpr double tolerance = static_cast<double>(std::numeric_limits<T>::epsilon());
  static constexpr double factor_operations = 1.0 / 3;  ///< in n^3, as below

  /// The remaining work, in n^3 operations, once no singular value is below `lower` or above 1: Halley steps and the series,
  /// each with a Gram matrix before it.
  [[nodiscard]] static double remaining_operations(double lower) {
    if (lower <= 0) {
      return std::numeric_limits<double>::infinity();
    }
    double const deviation = 1 - lower * lower;
    int const degree = inverse_root_series::for_deviation(deviation / (2 - deviation), tolerance).degree;
    if (degree > 0) {
      return 1 + (degree == 4 ? 4 : degree + 1);
    }
    return 1 + factor_operations + 2 + remaining_operations(best_halley_map(lower)(lower));
  }

  /// ||I - G||_2 with a margin, as far as a power iteration can tell, or what the last step's map promises, if that is less;
  /// at least 0.7 says little, and 1 is returned.
  [[nodiscard]] double measured_deviation() {
    double const promised = 1 - lower_ * lower_;
    if (singular_ || (lower_ > 0 && lower_ < 0.8)) {
      return promised;
    }
    double const square = matrices_.largest_of_squared_deviation(scale_ * scale_);
    double const measured = 1.1 * std::sqrt(std::max(0.0, square));
    double const deviation = std::min(promised, measured < 0.7 ? measured : 1);
    lower_ = std::sqrt(1 - deviation);
    return deviation;
  }

  /// The smallest singular value of X by inverse iteration; 0 if it is hidden, c sigma^2 below 0.05.
  [[nodiscard]] double measured_smallest(double c) const {
    double const seen = 1 / matrices_.largest_of_inverse() - 1;
    return seen < 0.05 ? 0 : std::min(1.0, 0.9 * std::sqrt(seen / c));
  }

  void halley_step() {
    double const weighted_for = std::max(lower_, least_lower_bound<T>);
    halley_map map = best_halley_map(weighted_for);
    matrices_.factor_shifted_gram(map.c * scale_ * scale_);
    double const smallest = singular_ ? lower_ : std::max(lower_, measured_smallest(map.c));
    // All values in [smallest, 1] are mapped to at least what their lowest points are mapped to.
    double lower = smallest > 0 ? std::min(map(smallest), map(weighted_for)) : 0;
    if (!singular_ && smallest > weighted_for) {
      halley_map const better = best_halley_map(smallest);  // at the price of another factor
      if (factor_operations + remaining_operations(better(smallest)) < remaining_operations(lower)) {
        map = better;
        lower = map(smallest);
        matrices_.factor_shifted_gram(map.c * scale_ * scale_);
      }
    }
    if (smallest == 0 && ++hidden_ == 3) {
      singular_ = true;
      map = filtering_map(map.c);
      lower = map(1 / std::sqrt(map.c));
    }
    apply(map);
    lower_ = lower;
  }

  /// X <- X (b/c I + (a - b/c) (I + c G)^-1)
  void apply(halley_map const& map) {
    matrices_.apply_inverse(scale_ * map.b / map.c, scale_ * (map.a - map.b / map.c));
    scale_ = 1;
    bounded_ = true;
  }

  /// X <- X (G / m)^(-1/2) / sqrt(m) by a polynomial, m the middle of the eigenvalues of G.
  void finish(inverse_root_series const& series, double middle) {
    matrices_.apply_series(series, scale_ * scale_ / middle, scale_ / std::sqrt(middle));
    scale_ = 1;
    bounded_ = false;
  }

  Matrices& matrices_;
  double scale_ = 1;       ///< X stands for scale_ X
  double lower_ = 0;       ///< of the singular values of scale_ X; 0: not known
  int hidden_ = 0;         ///< steps in which the smallest one could not be seen
  bool bounded_ = false;   ///< no singular value of X is above 1, but for rounding
  bool singular_ = false;  ///< X has singular values that count as zero, and lower_ is that of the others
};

}  // namespace dfrot::detail
