#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/low_rank/centroids.hpp>
#include <dfrot/optimize/low_rank/rotation_between.hpp>
#include <dfrot/transform/low_rank_compose.hpp>
#include <dfrot/transform/short_rotation.hpp>

// What a round of refine_short() is made of.
namespace dfrot::detail {

/// The rows of every cluster that rounds measure, evenly spaced, with the weight that each stands for.
template <class Real>
struct short_sample {
  matrix<Real> rows;
  std::vector<double> weight;        ///< sums to 1
  std::vector<std::size_t> numbers;  ///< of the rows, among all massive ones
};

template <class T>
[[nodiscard]] short_sample<arithmetic_t<T>> sample_clusters(matrix_view<T const> x, massive_centroids const& found,
                                                            std::size_t rows_per_cluster) {
  short_sample<arithmetic_t<T>> sample;
  std::vector<std::size_t>& chosen = sample.numbers;
  double total = 0;
  for (std::size_t k = 0; k < found.counts.size(); ++k) {
    std::size_t const count = found.counts[k];
    std::size_t const taken = std::min(count, rows_per_cluster);
    std::size_t seen = 0;
    for (std::size_t i = 0, next = 0; i < x.rows && next < taken; ++i) {
      if (found.label[i] == k && seen++ == next * count / taken) {
        chosen.push_back(i);
        sample.weight.push_back(static_cast<double>(count) / static_cast<double>(taken));
        ++next;
      }
    }
    total += static_cast<double>(count);
  }
  sample.rows = matrix<arithmetic_t<T>>(chosen.size(), x.columns);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    sample.weight[i] /= total;
    std::transform(x.row(chosen[i]), x.row(chosen[i]) + x.columns, sample.rows.view().row(i),
                   [](T value) { return load(value); });
  }
  return sample;
}

/// The mean relative squared error of the sample under a rotation, every cluster with the weight of all its rows.
template <execution_policy P, class Scheme, class Real>
[[nodiscard]] double error_of(P const& on, Scheme const& scheme, short_sample<Real> const& sample,
                              short_rotation const& rotation) {
  matrix<Real> rotated = sample.rows;
  apply(on, rotation, rotated.view());
  std::vector<token_error> errors(rotated.rows());
  token_errors(on, scheme, rotated.view(), vector_view<token_error>(errors.data(), errors.size()),
               [&](std::size_t row) { return message("massive row ", sample.numbers[row]); });
  double mean = 0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    mean += sample.weight[i] * errors[i].relative();
  }
  return mean;
}

/// Y <- Y polar(mu tr(Y^T W B) / n I + Y^T W B): an orthogonal step towards B that moves nothing outside of span(Y, B).
template <execution_policy P>
void step_towards(P const& on, matrix<double>& y, matrix<double> const& b, std::vector<std::size_t> const& counts,
                  double mu) {
  std::size_t const p = y.rows();
  std::size_t const n = y.columns();
  matrix<double> both(2 * p, n);
  std::copy_n(y.data(), p * n, both.data());
  std::copy_n(b.data(), p * n, both.data() + p * n);
  matrix<double> const basis = orthonormal_rows(std::move(both), {});
  matrix<double> const in_y = coordinates(y.view(), {}, basis);
  matrix<double> const in_b = coordinates(b.view(), {}, basis);
  std::size_t const r = basis.rows();
  matrix<double> c(r, r);
  double trace = 0;
  for (std::size_t i = 0; i < p; ++i) {
    for (std::size_t k = 0; k < r * r; ++k) {
      c.data()[k] += static_cast<double>(counts[i]) * in_y(i, k / r) * in_b(i, k % r);
    }
    trace += static_cast<double>(counts[i]) * dot(&in_y(i, 0), &in_b(i, 0), r);
  }
  for (std::size_t k = 0; k < r; ++k) {
    c(k, k) += mu * trace / static_cast<double>(n);
  }
  nearest_orthogonal(on, std::as_const(c).view(), c.view());
  for (std::size_t i = 0; i < p; ++i) {
    std::fill_n(&y(i, 0), n, 0.0);
    for (std::size_t k = 0; k < r * r; ++k) {
      double const share = in_y(i, k / r) * c(k / r, k % r);
      std::transform(&y(i, 0), &y(i, 0) + n, &basis(k % r, 0), &y(i, 0),
                     [share](double sum, double value) { return sum + share * value; });
    }
  }
}

}  // namespace dfrot::detail
