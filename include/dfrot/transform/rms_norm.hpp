#pragma once

#include <cmath>
#include <cstddef>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Divides each row by its root mean square, in place: RMSNorm without the gain, which belongs to the next weight.
///   x <- x / sqrt(mean(x^2) + epsilon)
/// @param on where to run (host; its threads are used)   @param x (m x n), row stride >= n
/// @param epsilon keeps a row of zeros zero; models have 1e-5 or 1e-6
/// @post rows much larger than sqrt(epsilon) have a mean square of 1
/// Precision: the sum and the factor are in double, each value is rounded once.
/// Complexity: O(m n), no workspace.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, or unless epsilon >= 0.
/// Source: Zhang, Sennrich, "Root mean square layer normalization", NeurIPS 2019, equation 4.
template <execution_policy P, storage T>
void rms_norm(P const& on, matrix_view<T> x, double epsilon = 1e-6) {
  check_policy<host_space>(on);
  check_stride("activations", x);
  expects(epsilon >= 0, "rms_norm: epsilon is ", epsilon, "; it must be at least 0");
  parallel_for(threads_of(on), x.rows, [&](std::size_t i) {
    T* const row = x.row(i);
    double sum = 0;
    for (std::size_t j = 0; j < x.columns; ++j) {
      double const value = static_cast<double>(load(row[j]));
      sum += value * value;
    }
    double const mean_square = sum / static_cast<double>(x.columns) + epsilon;
    if (!(mean_square > 0)) {
      return;  // zeros and epsilon 0 (or NaN): there is nothing to scale by
    }
    double const root = std::sqrt(mean_square);
    for (std::size_t j = 0; j < x.columns; ++j) {
      row[j] = store<T>(static_cast<arithmetic_t<T>>(static_cast<double>(load(row[j])) / root));
    }
  });
}

}  // namespace dfrot
