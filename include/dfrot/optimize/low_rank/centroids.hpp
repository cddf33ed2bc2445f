#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// How massive rows are clustered.
struct centroid_options {
  std::size_t count = 0;    ///< clusters at most; 0: as many as the rows form at `spread`, at most 4
  double spread = 0.00025;  ///< largest 1 - cosine between a row and the first row of its cluster
};

/// Clusters of massive tokens, each with its centroid: massive tokens of one cluster are nearly one vector.
struct massive_centroids {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  matrix<double> rows;              ///< (p x n) the centroids, that of the largest cluster first
  std::vector<std::size_t> counts;  ///< rows of each cluster
  std::vector<std::size_t> label;   ///< the cluster of every row; none for zero rows and for rows of dropped clusters
  double spread = 0;                ///< the spread of these clusters: as given, or doubled until they were few enough
};

namespace detail {

inline constexpr std::size_t most_clusters_from_data = 4;

/// Clusters as lists of rows, each led by its first row. Row i joins the cluster with the nearest leader, if it is near enough.
/// @return false if there are more than `limit` clusters
template <class T>
[[nodiscard]] bool leader_clusters(matrix_view<T const> x, double spread, std::size_t limit,
                                   std::vector<std::vector<std::size_t>>& clusters) {
  clusters.clear();
  std::vector<double> lengths;
  for (std::size_t i = 0; i < x.rows; ++i) {
    auto const product = [&](std::size_t a) {
      double sum = 0;
      for (std::size_t j = 0; j < x.columns; ++j) {
        sum += static_cast<double>(load(x(a, j))) * static_cast<double>(load(x(i, j)));
      }
      return sum;
    };
    double const length = std::sqrt(product(i));
    if (!(length > 0)) {
      continue;
    }
    std::size_t nearest = clusters.size();
    double least = spread;
    for (std::size_t k = 0; k < clusters.size(); ++k) {
      double const distance = 1 - product(clusters[k].front()) / (lengths[k] * length);
      if (distance <= least) {
        least = distance;
        nearest = k;
      }
    }
    if (nearest == clusters.size()) {
      if (clusters.size() == limit) {
        return false;
      }
      clusters.emplace_back();
      lengths.push_back(length);
    }
    clusters[nearest].push_back(i);
  }
  return true;
}

template <class T>
[[nodiscard]] massive_centroids centroids_of(matrix_view<T const> x,
                                             std::vector<std::vector<std::size_t>> const& clusters, double spread) {
  massive_centroids result{matrix<double>(clusters.size(), x.columns),
                           {},
                           std::vector<std::size_t>(x.rows, massive_centroids::none),
                           spread};
  for (std::size_t k = 0; k < clusters.size(); ++k) {
    auto const count = static_cast<double>(clusters[k].size());
    for (std::size_t const i : clusters[k]) {
      result.label[i] = k;
      for (std::size_t j = 0; j < x.columns; ++j) {
        result.rows(k, j) += static_cast<double>(load(x(i, j))) / count;
      }
    }
    result.counts.push_back(clusters[k].size());
  }
  return result;
}

}  // namespace detail

/// Clusters massive rows by their cosines, and averages each cluster: leader clustering.
/// A row joins the cluster with the nearest leader, or leads a new one where no leader is within `spread`. While there are too
/// many clusters, the spread doubles. From 0.5 on, the largest clusters are kept, and the other rows belong to none.
/// A rotation of the centroid cannot aim at the noise within a cluster. The default spread allows noise of an eighth of the error
/// that a Hadamard leaves (0.003); real massive tokens of one cluster lie within 0.0002.
/// @param x (m x n) massive rows, finite   @param options count 0: from the data
/// Complexity: O(m p n) a doubling.   Determinism: exact; the order of the rows matters.
/// Throws: std::invalid_argument unless 0 < spread < 1; std::bad_alloc.
/// Source: Hartigan, "Clustering algorithms", 1975, chapter 3 (quick partition).
template <class T>
[[nodiscard]] massive_centroids find_centroids(matrix_view<T> x, centroid_options const& options) {
  expects(options.spread > 0 && options.spread < 1, "centroids: the spread is ", options.spread,
          "; it must be above 0 and below 1");
  matrix_view<std::remove_const_t<T> const> const rows = x;
  std::size_t const wanted = options.count == 0 ? detail::most_clusters_from_data : options.count;
  std::vector<std::vector<std::size_t>> clusters;
  double spread = options.spread;
  while (!detail::leader_clusters(rows, spread, wanted, clusters)) {
    spread *= 2;
    if (spread >= 0.5) {
      static_cast<void>(detail::leader_clusters(rows, spread, massive_centroids::none, clusters));
      break;
    }
  }
  std::stable_sort(clusters.begin(), clusters.end(), [](auto const& a, auto const& b) { return a.size() > b.size(); });
  clusters.resize(std::min(clusters.size(), wanted));
  return detail::centroids_of(rows, clusters, spread);
}

}  // namespace dfrot
