#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/optimize/gptq/gptq_factor.hpp>
#include <dfrot/optimize/gptq/gptq_rows.hpp>
#include <dfrot/optimize/gptq/weight_rows.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// What GPTQ did.
struct gptq_result {
  /// Of each row, the sum of e^2: d H d^T of the damped H, d = w - q. (With is_nearest(), of its diagonal.)
  std::vector<double> row_errors;
  /// Their sum, row after row: tr((W - Q) H (W - Q)^T).
  double error = 0;
  /// The rows that are quantized: all, unless the callback stopped.
  std::size_t rows = 0;
  bool stopped = false;
};

/// Quantizes a weight column by column, and moves the weights that are left so that they make up for the errors so far:
///   min over codes of tr((W - Q) H (W - Q)^T),   greedily, column j after column j - 1
///   e_j = (w_j - q_j) / U_jj,   w_k <- w_k - e_j U_jk for k > j,   U = A^-1
/// Here, the same weights are computed with A itself: w_j + (sum over i < j of (w_i - q_i) A_ij) / A_jj, of the original w. So
/// nothing is inverted, and the differences are exact.
/// @param on where to run (host)   @param scheme any: element, scales, groups   @param w (o x n) float, half or bfloat16
/// @param factor of the calibration tokens (n), and the options
/// @param out codes (two or one a byte), scales and zero points, as quantize() writes them; with gptq_scales::given, scales and
/// zero points are read
/// @param callback called as callback(rows done) between blocks of rows; false stops, with these rows written
/// A scheme with a multiplier for the tensor (nvfp4) gets it before: e4m3_scale::for_tensor(max |w|). Weights beyond it saturate.
/// Complexity: o n^2 operations (twice for scales of groups of more than 128 columns, which are `updated`); workspace of
/// 128 (2 n + 384) values a thread.
/// Determinism: bitwise for any number of threads and any split of the rows into calls; with a BLAS, as the BLAS's.
/// Throws: std::invalid_argument on shapes and the scheme, for weights that are not finite or become so large (naming the row);
/// std::bad_alloc.
/// Source: Frantar et al. (GPTQ), arXiv 2210.17323; the recursion with A: Chee et al. (QuIP), arXiv 2307.13304, theorem 6.
template <execution_policy P, class Scheme, class W, dense_scalar T, class Code, class Scale, class Callback>
requires std::predicate<Callback&, std::size_t> && detail::weight_storage<W> gptq_result
gptq(P const& on, Scheme const& scheme, matrix_view<W> w, gptq_factor<T> const& factor,
     quantized_rows<Code, Scale> const& out, Callback&& callback) {
  using Value = std::remove_const_t<W>;
  detail::check_quantizes<Value, host_space>(on, scheme, out);
  check_shape("gptq: the weight", w, w.rows, factor.channels());
  detail::check_quantized(scheme, out, w.rows, w.columns);
  matrix_view<Value const> const read = w;
  detail::reject_non_finite_weights(read);
  gptq_result result;
  result.row_errors.resize(w.rows);
  if (w.columns == 0) {
    result.rows = w.rows;
    return result;
  }
  auto const& kernel_scheme = detail::kernel_scheme(scheme);
  using Kernel = std::remove_cvref_t<decltype(kernel_scheme)>;
  P const one = detail::one_thread(on);
  using rows_type = detail::gptq_rows<P, Kernel, Value, T, Scale>;
  auto const quantize_block = [&](std::size_t first) {
    std::size_t const count = std::min(rows_type::most_rows, w.rows - first);
    auto part = out.row_block(first, count);
    matrix<std::int8_t> codes(count, w.columns);
    rows_type rows(one, kernel_scheme, factor, read.row_block(first, count),
                   {codes.view(), part.scales, part.zero_points});
    std::size_t const bad_row = rows.run();
    if (bad_row != all_finite) {
      return first + bad_row;
    }
    for (std::size_t i = 0; i < count; ++i) {
      result.row_errors[first + i] = rows.error(i);
    }
    if constexpr (std::is_same_v<Code, std::uint8_t>) {
      pack(one, codes.view(), part.codes);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(&codes(i, 0), w.columns, part.codes.row(i));
      }
    }
    return all_finite;
  };
  std::size_t const pass = rows_type::most_rows * 2 * static_cast<std::size_t>(usable_threads(threads_of(on)));
  while (result.rows < w.rows && !result.stopped) {
    std::size_t const end = std::min(w.rows, result.rows + pass);
    std::vector<std::size_t> bad(ceil_div(end - result.rows, rows_type::most_rows));
    parallel_products(on, bad.size(),
                      [&](std::size_t i) { bad[i] = quantize_block(result.rows + i * rows_type::most_rows); });
    std::size_t const bad_row = *std::min_element(bad.begin(), bad.end());
    expects(bad_row == all_finite, "row ", bad_row, " overflows in gptq: scale the weights down, or raise the damping");
    result.rows = end;
    result.stopped = !callback(result.rows) && result.rows < w.rows;
  }
  for (double const row : result.row_errors) {
    result.error += row;
  }
  return result;
}

/// The same to the end.
template <execution_policy P, class Scheme, class W, dense_scalar T, class Code, class Scale>
gptq_result gptq(P const& on, Scheme const& scheme, matrix_view<W> w, gptq_factor<T> const& factor,
                 quantized_rows<Code, Scale> const& out) {
  return gptq(on, scheme, w, factor, out, [](std::size_t) { return true; });
}

}  // namespace dfrot
