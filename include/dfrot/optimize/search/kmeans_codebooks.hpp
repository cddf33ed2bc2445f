#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/optimize/gptq/weight_rows.hpp>
#include <dfrot/optimize/search/weighted_kmeans.hpp>
#include <dfrot/quantize/codebook_gemm.hpp>
#include <dfrot/quantize/product_output.hpp>

namespace dfrot {

namespace detail {

/// Codes of one row, the nearest values of its table (of two, the lower one), and the error:   sum f (w - q)^2
template <class W, class D, class Value>
[[nodiscard]] double encode_codebook_row(vector_view<W> w, vector_view<D> weights, Value const* table,
                                         std::uint8_t* packed) {
  std::array<double, 15> middles{};
  for (std::size_t k = 0; k < 15; ++k) {
    middles[k] = 0.5 * static_cast<double>(load(table[k])) + 0.5 * static_cast<double>(load(table[k + 1]));
  }
  double error = 0;
  std::fill_n(packed, packed_columns(w.size), std::uint8_t{0});
  for (std::size_t l = 0; l < w.size; ++l) {
    double const value = static_cast<double>(load(w[l]));
    auto const code = static_cast<unsigned>(std::lower_bound(middles.begin(), middles.end(), value) - middles.begin());
    double const distance = value - static_cast<double>(load(table[code]));
    error += (weights.size == 0 ? 1 : static_cast<double>(load(weights[l]))) * distance * distance;
    packed[l / 2] = static_cast<std::uint8_t>(packed[l / 2] | code << (4 * (l % 2)));
  }
  return error;
}

}  // namespace detail

/// Quantizes a weight to sixteen values for each row, the best ones:   min over tables of sum f (w - table(code))^2
/// @param on where to run (host)   @param w (o x n) float, half or bfloat16
/// @param sensitivities f (o x n), at least 0; (1 x n): the same for all rows, such as the diagonal of H; of no columns: all 1. Entries that are kept elsewhere have 0 (see
/// take_outliers()).
/// @param out codes and tables; a row of fewer than sixteen different values repeats the last one, a row of none has zeros
/// @return of each row, the sum that is reached with the table as it is stored
/// Complexity: as weighted_kmeans() for k = 16, for each row.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shapes and values (naming the row of a weight that is not finite); std::bad_alloc.
/// Source: Kim et al. (SqueezeLLM), arXiv 2306.07629, section 4.1.
template <execution_policy P, detail::weight_storage W, storage D, product_result Value>
std::vector<double> kmeans_codebooks(P const& on, matrix_view<W> w, matrix_view<D> sensitivities,
                                     codebook_rows<std::uint8_t, Value> const& out) {
  check_policy<host_space>(on);
  check_stride("weights", w);
  if (sensitivities.columns != 0) {
    check_shape("sensitivities", sensitivities, sensitivities.rows == 1 ? 1 : w.rows, w.columns);
  }
  check_shape("packed codes", out.codes, w.rows, packed_columns(w.columns));
  check_shape("tables", out.tables, w.rows, 16);
  expects(out.columns == w.columns, "codebooks of ", out.columns, " columns for a weight of ", w.columns);
  detail::reject_non_finite_weights(matrix_view<std::remove_const_t<W> const>(w));
  std::vector<double> errors(w.rows);
  parallel_products(on, w.rows, [&](std::size_t j) {
    vector_view<W> const row(w.row(j), w.columns);
    D* const weights = sensitivities.columns == 0 ? nullptr : sensitivities.row(sensitivities.rows == 1 ? 0 : j);
    vector_view<D> const f(weights, sensitivities.columns);
    auto const found = weighted_kmeans(row, f, 16);
    Value* const table = out.tables.row(j);
    for (std::size_t k = 0; k < 16; ++k) {
      double const centroid = found.centroids.empty() ? 0 : found.centroids[std::min(k, found.centroids.size() - 1)];
      table[k] = store_saturated<Value>(static_cast<float>(centroid));
    }
    errors[j] = detail::encode_codebook_row(row, f, table, out.codes.row(j));
  });
  return errors;
}

}  // namespace dfrot
