#pragma once

// What a rotation by a randomized Hadamard matrix does, whatever backend applies it.

#include <cmath>
#include <cstddef>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace dfrot::test {

/// ||y - x M|| / ||x M|| over about 24 columns spread over the matrix M(k, j), with the product taken in double.
template <class Entry>
double distance_from_dense_product(matrix<float> const& x, matrix<float> const& y, Entry const& entry) {
  std::size_t const n = x.columns();
  double difference = 0;
  double norm = 0;
  for (std::size_t j = 0; j < n; j += n / 24 + 1) {
    for (std::size_t i = 0; i < x.rows(); ++i) {
      double expected = 0;
      for (std::size_t k = 0; k < n; ++k) {
        expected += static_cast<double>(x(i, k)) * entry(k, j);
      }
      difference += std::pow(static_cast<double>(y(i, j)) - expected, 2);
      norm += expected * expected;
    }
  }
  return std::sqrt(difference / norm);
}

inline double row_norm(matrix<float> const& x, std::size_t i) {
  double sum = 0;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    sum += std::pow(static_cast<double>(x(i, j)), 2);
  }
  return std::sqrt(sum);
}

inline double distance(matrix<float> const& x, matrix<float> const& y) {
  double difference = 0;
  double norm = 0;
  for (std::size_t k = 0; k < x.rows() * x.columns(); ++k) {
    difference += std::pow(static_cast<double>(x.data()[k]) - static_cast<double>(y.data()[k]), 2);
    norm += std::pow(static_cast<double>(y.data()[k]), 2);
  }
  return std::sqrt(difference / norm);
}

/// Apply is the dense product and preserves norms; so is the transpose, which undoes it.
/// @param apply, apply_transpose change the rows of a matrix<float>&
template <class Apply, class ApplyTranspose>
void check_rotation_laws(randomized_hadamard const& rotation, Apply const& apply,
                         ApplyTranspose const& apply_transpose) {
  std::size_t const n = rotation.size();
  double const scale = 1 / std::sqrt(static_cast<double>(n));
  auto const entry = [&](std::size_t k, std::size_t j) {
    return scale * rotation.signs()[k] * rotation.order().sign(k, j);
  };
  auto const start = gaussian_matrix<float>(2, n, n);
  auto forward = start;
  apply(forward);
  CHECK(distance_from_dense_product(start, forward, entry) < 1e-6);
  CHECK(std::fabs(row_norm(forward, 0) / row_norm(start, 0) - 1) < 1e-6);
  CHECK(std::fabs(row_norm(forward, 1) / row_norm(start, 1) - 1) < 1e-6);
  auto backward = start;
  apply_transpose(backward);
  CHECK(distance_from_dense_product(start, backward, [&](std::size_t k, std::size_t j) { return entry(j, k); }) < 1e-6);
  apply_transpose(forward);
  CHECK(distance(forward, start) < 1e-6);
}

}  // namespace dfrot::test
