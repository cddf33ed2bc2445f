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

/// How massive rows are put into kinds.
struct prototype_options {
  std::size_t count = 0;    ///< at most so many kinds; 0: as many as the rows make at `spread`, at most 4
  double spread = 0.00025;  ///< rows are of one kind where 1 - cosine to its first row is at most this
};

/// Kinds of massive token, each with the mean of its rows: massive tokens of one kind are nearly one vector.
struct massive_prototypes {
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  matrix<double> rows;              ///< (p x n) the means, the largest kind first
  std::vector<std::size_t> counts;  ///< rows of each kind
  std::vector<std::size_t>
      kind_of;        ///< the kind of every row; none for zero rows, and for those of no kind that was kept
  double spread = 0;  ///< the spread that led to these kinds: as given, or doubled until they were few enough
};

namespace detail {

inline constexpr std::size_t most_kinds_from_data = 4;

/// Rows of a kind as numbers, the first of them leading: row i joins the kind whose first row is nearest, if it is near enough.
/// False if there are more than `limit` kinds.
template <class T>
[[nodiscard]] bool lead_kinds(matrix_view<T const> x, double spread, std::size_t limit,
                              std::vector<std::vector<std::size_t>>& kinds) {
  kinds.clear();
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
    std::size_t nearest = kinds.size();
    double least = spread;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      double const distance = 1 - product(kinds[k].front()) / (lengths[k] * length);
      if (distance <= least) {
        least = distance;
        nearest = k;
      }
    }
    if (nearest == kinds.size()) {
      if (kinds.size() == limit) {
        return false;
      }
      kinds.emplace_back();
      lengths.push_back(length);
    }
    kinds[nearest].push_back(i);
  }
  return true;
}

template <class T>
[[nodiscard]] massive_prototypes means_of(matrix_view<T const> x, std::vector<std::vector<std::size_t>> const& kinds,
                                          double spread) {
  massive_prototypes result{
      matrix<double>(kinds.size(), x.columns), {}, std::vector<std::size_t>(x.rows, massive_prototypes::none), spread};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    auto const count = static_cast<double>(kinds[k].size());
    for (std::size_t const i : kinds[k]) {
      result.kind_of[i] = k;
      for (std::size_t j = 0; j < x.columns; ++j) {
        result.rows(k, j) += static_cast<double>(load(x(i, j))) / count;
      }
    }
    result.counts.push_back(kinds[k].size());
  }
  return result;
}

}  // namespace detail

/// Puts massive rows into kinds by their cosines: leader clustering.
/// A row joins the kind whose first row is nearest, or leads a new one where none is within `spread`. While there are too many
/// kinds, the spread is doubled; from 0.5 on, the largest kinds are kept, and the other rows belong to none.
/// What remains within a kind is noise that a rotation of the mean cannot aim at: the default spread allows as much as an
/// eighth of the error that a Hadamard leaves (0.003), and real massive tokens of one kind lie within 0.0002.
/// @param x (m x n) massive rows, finite   @param options count 0: from the data
/// Complexity: O(m p n) a doubling.   Determinism: exact; the order of the rows matters.
/// Throws: std::invalid_argument unless 0 < spread < 1; std::bad_alloc.
/// Source: Hartigan, "Clustering algorithms", 1975, chapter 3 (quick partition).
template <class T>
[[nodiscard]] massive_prototypes find_prototypes(matrix_view<T> x, prototype_options const& options) {
  expects(options.spread > 0 && options.spread < 1, "prototypes: the spread is ", options.spread,
          "; it must be above 0 and below 1");
  matrix_view<std::remove_const_t<T> const> const rows = x;
  std::size_t const wanted = options.count == 0 ? detail::most_kinds_from_data : options.count;
  std::vector<std::vector<std::size_t>> kinds;
  double spread = options.spread;
  while (!detail::lead_kinds(rows, spread, wanted, kinds)) {
    spread *= 2;
    if (spread >= 0.5) {
      static_cast<void>(detail::lead_kinds(rows, spread, massive_prototypes::none, kinds));
      break;
    }
  }
  std::stable_sort(kinds.begin(), kinds.end(), [](auto const& a, auto const& b) { return a.size() > b.size(); });
  kinds.resize(std::min(kinds.size(), wanted));
  return detail::means_of(rows, kinds, spread);
}

}  // namespace dfrot
