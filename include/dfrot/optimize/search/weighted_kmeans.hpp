#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/optimize/gptq/weight_rows.hpp>

namespace dfrot {

/// The clusters of one row of numbers.
struct kmeans_result {
  std::vector<double> centroids;  ///< in rising order; fewer than were asked for where there are fewer numbers
  double error = 0;               ///< sum of f (w - c)^2, c the nearest centroid
};

namespace detail {

struct weighted_value {
  double value;
  double weight;
};

/// The largest weight, or 0 for none.
template <storage D>
[[nodiscard]] double largest_weight(vector_view<D> weights) {
  double largest = 0;
  for (std::size_t i = 0; i < weights.size; ++i) {
    largest = std::max(largest, static_cast<double>(load(weights[i])));
  }
  return largest;
}

/// Numbers in rising order, equal ones as one, with weights f / heaviest, so that no sum of squares overflows. Those of weight 0
/// are left out; if that is all of them, each has weight 1.
template <storage W, storage D>
[[nodiscard]] std::vector<weighted_value> sorted_values(vector_view<W> values, vector_view<D> weights,
                                                        double heaviest) {
  std::vector<weighted_value> points;
  for (std::size_t i = 0; i < values.size; ++i) {
    double const weight = heaviest > 0 ? static_cast<double>(load(weights[i])) / heaviest : 1;
    if (weight > 0) {
      points.push_back({static_cast<double>(load(values[i])), weight});
    }
  }
  std::stable_sort(points.begin(), points.end(), [](auto const& a, auto const& b) { return a.value < b.value; });
  std::size_t kept = 0;
  for (auto const& point : points) {
    if (kept > 0 && points[kept - 1].value == point.value) {
      points[kept - 1].weight += point.weight;
    } else {
      points[kept++] = point;
    }
  }
  points.resize(kept);
  return points;
}

/// Cuts sorted numbers into k runs of least error, by dynamic programming over the number of runs. In an optimum, the last cut
/// of a longer prefix is not before that of a shorter one, so that each layer is filled by halves.
class kmeans_cuts {
 public:
  explicit kmeans_cuts(std::vector<weighted_value> const& points) : sums_(points.size() + 1) {
    double weight = 0;
    double moment = 0;
    for (auto const& point : points) {
      weight += point.weight;
      moment += point.weight * point.value;
    }
    double const mean = moment / weight;
    for (std::size_t i = 0; i < points.size(); ++i) {
      double const x = points[i].value - mean;
      double const f = points[i].weight;
      sums_[i + 1] = {sums_[i].weight + f, sums_[i].moment + f * x, sums_[i].square + f * x * x};
    }
  }

  /// Where the runs end. @pre 1 <= runs <= points
  [[nodiscard]] std::vector<std::size_t> ends(std::size_t runs) {
    std::size_t const count = sums_.size() - 1;
    before_.resize(count + 1);
    here_.resize(count + 1);
    cuts_.assign(runs * (count + 1), 0);
    for (std::size_t j = 1; j <= count; ++j) {
      before_[j] = cost(0, j);
    }
    for (layer_ = 1; layer_ < runs; ++layer_) {
      fill(layer_ + 1, count, layer_, count - 1);
      before_.swap(here_);
    }
    std::vector<std::size_t> ends(runs, count);
    for (std::size_t layer = runs - 1; layer > 0; --layer) {
      ends[layer - 1] = cuts_[layer * (count + 1) + ends[layer]];
    }
    return ends;
  }

 private:
  struct running_sums {
    double weight = 0;
    double moment = 0;
    double square = 0;
  };

  /// sum f (x - mean)^2 over numbers first … last - 1.
  [[nodiscard]] double cost(std::size_t first, std::size_t last) const {
    double const weight = sums_[last].weight - sums_[first].weight;
    double const moment = sums_[last].moment - sums_[first].moment;
    double const square = sums_[last].square - sums_[first].square;
    return weight > 0 ? std::max(0.0, square - moment * moment / weight) : 0;  // weights may be too small to count
  }

  /// The best last cut of prefixes first … last, which lies in from … to.
  void fill(std::size_t first, std::size_t last, std::size_t from, std::size_t to) {
    if (first > last) {
      return;
    }
    std::size_t const middle = first + (last - first) / 2;
    double least = std::numeric_limits<double>::infinity();
    std::size_t best = from;
    for (std::size_t cut = from; cut <= std::min(to, middle - 1); ++cut) {
      double const error = before_[cut] + cost(cut, middle);
      if (error < least) {
        least = error;
        best = cut;
      }
    }
    here_[middle] = least;
    cuts_[layer_ * sums_.size() + middle] = static_cast<std::uint32_t>(best);
    fill(first, middle - 1, from, best);
    fill(middle + 1, last, best, to);
  }

  std::vector<running_sums> sums_;
  std::vector<double> before_;  // least error of each prefix in `layer_` runs
  std::vector<double> here_;    // in one more
  std::vector<std::uint32_t> cuts_;
  std::size_t layer_ = 0;
};

}  // namespace detail

/// Finds the centroids of one row of weights that lose least: k-means in one dimension, exactly.
///   min over c_1 … c_k of sum_i f_i min_k (w_i - c_k)^2
/// @param values w (n) float, half or bfloat16   @param weights f (n): the sensitivity of each weight, such as the diagonal of the
/// Fisher information, or of the Gram matrix of activations; at least 0; empty: all 1
/// @param most k, at least 1
/// Numbers of weight 0 do not count. If all have weight 0, each has weight 1. An empty row has no centroids.
/// Precision: the optimum to about 1e-16 of sum f (w - mean)^2; the error is that of the centroids, summed up directly.
/// Complexity: O(n log n + k n log n); workspace of k n 4-byte numbers.   Determinism: bitwise: no random start.
/// Throws: std::invalid_argument on lengths, k, a value that is not finite, a weight that is negative or not finite; std::bad_alloc.
/// Source: Kim et al. (SqueezeLLM), arXiv 2306.07629, section 4.1; the exact optimum: Wang, Song, "Ckmeans.1d.dp", The R Journal 3,
/// 2011; Grønlund et al., arXiv 1701.07204.
template <detail::weight_storage W, storage D>
[[nodiscard]] kmeans_result weighted_kmeans(vector_view<W> values, vector_view<D> weights, std::size_t most) {
  expects(most >= 1, "weighted_kmeans: no centroids; there must be at least 1");
  expects(weights.size == 0 || weights.size == values.size, "weighted_kmeans: ", weights.size, " weights of ",
          values.size, " values");
  expects(values.size < std::numeric_limits<std::uint32_t>::max(), "weighted_kmeans: ", values.size, " values");
  for (std::size_t i = 0; i < values.size; ++i) {
    expects(is_finite(values[i]), "weighted_kmeans: value ", i, " is ", load(values[i]), "; it must be finite");
  }
  for (std::size_t i = 0; i < weights.size; ++i) {
    expects(is_finite(weights[i]) && load(weights[i]) >= 0, "weighted_kmeans: weight ", i, " is ", load(weights[i]),
            "; it must be finite and at least 0");
  }
  double const heaviest = detail::largest_weight(weights);
  auto const points = detail::sorted_values(values, weights, heaviest);
  kmeans_result result;
  if (points.empty()) {
    return result;
  }
  auto const ends = detail::kmeans_cuts(points).ends(std::min(most, points.size()));
  std::size_t first = 0;
  for (std::size_t const end : ends) {
    double weight = 0;
    double moment = 0;  // from the run's first value, so that runs of equal values are exact
    double const start = points[first].value;
    for (std::size_t i = first; i < end; ++i) {
      weight += points[i].weight;
      moment += points[i].weight * (points[i].value - start);
    }
    double const centroid = start + moment / weight;
    result.centroids.push_back(centroid);
    for (std::size_t i = first; i < end; ++i) {
      double const distance = points[i].value - centroid;
      result.error += points[i].weight * distance * distance;
    }
    first = end;
  }
  result.error *= heaviest > 0 ? heaviest : 1;
  return result;
}

}  // namespace dfrot
