#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/product_output.hpp>

namespace dfrot {

/// The few entries of a weight S (o x n) that are kept beside its codes, row after row, columns rising (CSR).
struct sparse_rows {
  std::size_t columns = 0;             ///< n
  std::vector<std::size_t> starts{0};  ///< (o + 1): row j has entries starts[j] … starts[j + 1] - 1
  std::vector<std::uint32_t> column;
  std::vector<float> value;

  [[nodiscard]] DFROT_PER_ISA std::size_t rows() const { return starts.size() - 1; }
  [[nodiscard]] DFROT_PER_ISA std::size_t entries() const { return column.size(); }
};

/// Which entries of a weight are outliers. Shares are of all its entries, rounded to the nearest number of them; of equals, the
/// first count.
struct outlier_rule {
  double most_sensitive = 0;                               ///< the share with the largest sensitivities, taken first
  double largest = 0;                                      ///< the share with the largest |w|, of those that are left
  double above = std::numeric_limits<double>::infinity();  ///< and what is larger than this
};

namespace detail {

/// Marks the `count` largest keys that are not marked yet; of equals, the first.
template <class Key>
DFROT_PER_ISA void mark_largest(std::vector<std::uint8_t>& marked, std::size_t count, Key const& key) {
  if (count == 0) {
    return;
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < marked.size(); ++i) {
    if (marked[i] == 0) {
      order.push_back(i);
    }
  }
  count = std::min(count, order.size());
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  for (std::size_t i = 0; i < count; ++i) {
    marked[order[i]] = 1;
  }
}

template <storage W, storage D>
DFROT_PER_ISA void check_outliers(matrix_view<W> w, matrix_view<D> sensitivities, outlier_rule const& rule) {
  check_stride("weights", w);
  expects(w.columns <= std::numeric_limits<std::uint32_t>::max(), "take_outliers: rows of ", w.columns, " weights");
  for (double const share : {rule.most_sensitive, rule.largest}) {
    expects(share >= 0 && share <= 1, "take_outliers: a share of ", share, "; it must be in [0, 1]");
  }
  expects(rule.above >= 0, "take_outliers: entries above ", rule.above, "; it must be at least 0");
  if (rule.most_sensitive > 0) {
    check_shape("sensitivities", sensitivities, w.rows, w.columns);
    for (std::size_t i = 0; i < w.rows; ++i) {
      for (std::size_t j = 0; j < w.columns; ++j) {
        expects(is_finite(sensitivities(i, j)), "take_outliers: the sensitivity of row ", i, ", column ", j, " is ",
                load(sensitivities(i, j)), "; it must be finite");
      }
    }
  }
  for (std::size_t i = 0; i < w.rows; ++i) {
    for (std::size_t j = 0; j < w.columns; ++j) {
      expects(is_finite(w(i, j)), "row ", i, ", column ", j, " holds ", load(w(i, j)), ": weights must be finite");
    }
  }
}

}  // namespace detail

/// The threshold above which |w| is an outlier of its weight:   T = max(|q1 - a iqr|, |q3 + a iqr|),   iqr = q3 - q1
/// @param w (o x n) finite   @param a about 1.5 to 2 for less than 1 % of entries; at least 0
/// Quartiles are entries: those of ranks floor((N - 1) / 4) and ceil(3 (N - 1) / 4). An empty weight has the threshold 0.
/// Complexity: O(N) on average; workspace of N floats.   Throws: std::invalid_argument for a; std::bad_alloc.
/// Source: Kim et al. (SqueezeLLM), arXiv 2306.07629, section 4.2.
template <storage W>
[[nodiscard]] DFROT_PER_ISA double outlier_threshold(matrix_view<W> w, double a) {
  expects(a >= 0, "outlier_threshold: ", a, " times the range between quartiles; it must be at least 0");
  std::vector<double> values;
  values.reserve(w.rows * w.columns);
  for (std::size_t i = 0; i < w.rows; ++i) {
    for (std::size_t j = 0; j < w.columns; ++j) {
      values.push_back(static_cast<double>(load(w(i, j))));
    }
  }
  if (values.empty()) {
    return 0;
  }
  auto const of_rank = [&](std::size_t rank) {
    auto const place = values.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values.begin(), place, values.end(), [](double x, double y) { return x < y; });
    return *place;
  };
  std::size_t const last = values.size() - 1;
  double const q1 = of_rank(last / 4);
  double const q3 = of_rank(last - last / 4);
  return std::max(std::fabs(q1 - a * (q3 - q1)), std::fabs(q3 + a * (q3 - q1)));
}

/// Takes the outliers out of a weight: W = D + S, D without them (zeros in their places), for any quantizer to follow.
/// After it, subtract_dense() makes the sum right: the zeros of D need not have a code.
/// @param w (o x n) float, half or bfloat16, becomes D   @param sensitivities (o x n), read if the rule asks for them
/// @return S, with the values of W
/// A rule that takes nothing leaves W and an S of no entries. Before a rotation or none: after one, nothing stands out.
/// Complexity: O(o n) on average; workspace of 9 bytes an entry.   Determinism: exact.
/// Throws: std::invalid_argument on shapes, the rule, and values that are not finite; std::bad_alloc.
/// Source: Kim et al. (SqueezeLLM), arXiv 2306.07629, section 4.2.
template <storage W, storage D>
requires(!std::is_const_v<W> && std::is_same_v<arithmetic_t<W>, float>) [[nodiscard]] DFROT_PER_ISA sparse_rows
    take_outliers(matrix_view<W> w, matrix_view<D> sensitivities, outlier_rule const& rule) {
  detail::check_outliers(w, sensitivities, rule);
  std::size_t const n = w.columns;
  std::size_t const count = w.rows * n;
  auto const number_of = [&](double share) {
    return static_cast<std::size_t>(std::llround(share * static_cast<double>(count)));
  };
  auto const size = [&](std::size_t i) { return std::fabs(static_cast<double>(load(w(i / n, i % n)))); };
  std::vector<std::uint8_t> marked(count);
  detail::mark_largest(marked, number_of(rule.most_sensitive),
                       [&](std::size_t i) { return load(sensitivities(i / n, i % n)); });
  detail::mark_largest(marked, number_of(rule.largest), size);
  sparse_rows outliers;
  outliers.columns = n;
  for (std::size_t i = 0; i < w.rows; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (marked[i * n + j] != 0 || size(i * n + j) > rule.above) {
        outliers.column.push_back(static_cast<std::uint32_t>(j));
        outliers.value.push_back(load(w(i, j)));
        w(i, j) = store<W>(0.0F);
      }
    }
    outliers.starts.push_back(outliers.entries());
  }
  return outliers;
}

/// Makes S what dense codes lack of W:   s <- s - d,   so that what codes and S stand for is W, to a rounding of S
/// @param s as take_outliers() gave it   @param dense (o x n) what the codes of D stand for (dequantize())
/// Complexity: O(entries).   Throws: std::invalid_argument on shape.
template <storage W>
DFROT_PER_ISA void subtract_dense(sparse_rows& s, matrix_view<W> dense) {
  check_shape("dequantized weights", dense, s.rows(), s.columns);
  for (std::size_t i = 0; i < s.rows(); ++i) {
    for (std::size_t k = s.starts[i]; k < s.starts[i + 1]; ++k) {
      s.value[k] -= static_cast<float>(load(dense(i, s.column[k])));
    }
  }
}

/// Adds the product of activations and outliers:   Y <- Y + X S^T
/// @param on where to run (host)   @param x (m x n) float, half or bfloat16   @param s (o x n)   @param y (m x o)
/// Precision: sums in float, in the order of columns, rounded once to the output's type with what was there.
/// Complexity: m entries multiplications; no workspace.   Determinism: bitwise for any number of threads.
/// Not looked at for NaN: it is in the outputs whose rows of S have an entry for its channel.
/// Throws: std::invalid_argument on shape.   Source: Kim et al. (SqueezeLLM), arXiv 2306.07629, section 4.2.
template <execution_policy P, class X, product_result T>
requires std::is_same_v < arithmetic_t<X>,
float > void add_sparse_product(P const& on, matrix_view<X> x, sparse_rows const& s, matrix_view<T> y) {
  check_policy<host_space>(on);
  check_shape("activations", x, x.rows, s.columns);
  check_shape("output", y, x.rows, s.rows());
  parallel_for(threads_of(on), x.rows, [&](std::size_t i) {
    X const* const row = x.row(i);
    for (std::size_t j = 0; j < s.rows(); ++j) {
      if (s.starts[j] == s.starts[j + 1]) {
        continue;
      }
      float sum = 0;
      for (std::size_t k = s.starts[j]; k < s.starts[j + 1]; ++k) {
        sum += load(row[s.column[k]]) * s.value[k];
      }
      detail::put_result(add_to(y), i, j, sum);
    }
  });
}

}  // namespace dfrot
