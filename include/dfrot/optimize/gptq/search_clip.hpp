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
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/optimize/gptq/clip_errors.hpp>
#include <dfrot/optimize/gptq/weight_rows.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/range_rule.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// Which clip ratios a search tries, and what it makes small.
struct clip_options {
  /// 1, …, least in equal steps, each times the scheme's own clip. @pre ratios >= 2, 0 < least < 1
  int ratios = 81;
  float least = 0.2F;
  /// p of sum |e|^p. @pre > 0   2.4 is what QuaRot takes for weights.
  double power = 2;
};

/// A scheme whose range can be scaled by a clip ratio.
template <class S>
concept clippable_scheme = quantization_scheme<S> && requires(S scheme, float ratio) {
  scheme.clip *= ratio;
};

namespace detail {

struct range_of_values {
  float minimum = 0;
  float maximum = 0;
};

/// The least and the largest value, 0 included.
template <class W>
[[nodiscard]] range_of_values range_of(W const* x, std::size_t count) {
  range_of_values range;
  for (std::size_t j = 0; j < count; ++j) {
    range.minimum = std::min(range.minimum, load(x[j]));
    range.maximum = std::max(range.maximum, load(x[j]));
  }
  return range;
}

/// The best grids of up to 64 rows, one thread's work.
template <class T, class P, class Scheme, class W, class Scale, class Error>
void search_clip_rows(P const& on, Scheme const& scheme, clip_options const& options, matrix_view<W const> w,
                      matrix_view<Scale> scales, matrix_view<std::int8_t> zeros, Error const& error, double* totals) {
  constexpr std::size_t most_rows = 64;
  std::size_t const group = group_size(scheme, w.columns);
  std::vector<range_of_values> ranges(w.rows);
  std::vector<typename Scheme::template grid_type<float>> best;
  std::vector<double> least(w.rows);
  std::vector<double> sums(most_rows);
  for (std::size_t first = 0, g = 0; first < w.columns; first += group, ++g) {
    std::size_t const count = std::min(group, w.columns - first);
    matrix<T> e(most_rows, count);  // rows of zeros at the end: what becomes of a row does not depend on the others
    for (std::size_t i = 0; i < w.rows; ++i) {
      ranges[i] = range_of(w.row(i) + first, count);
    }
    for (int k = 0; k < options.ratios * scheme.candidates(); ++k) {
      Scheme clipped = scheme;
      clipped.clip *= clip_ratio<float>(k / scheme.candidates(), options.ratios, options.least);
      auto const grid_of = [&](std::size_t i) {
        return clipped.candidate(ranges[i].minimum, ranges[i].maximum, k % scheme.candidates());
      };
      for (std::size_t i = 0; i < w.rows; ++i) {
        auto const grid = grid_of(i);
        for (std::size_t j = 0; j < count; ++j) {
          float const value = load(w(i, first + j));
          e(i, j) = static_cast<T>(value) - static_cast<T>(grid.decode(grid.encode(value)));
        }
      }
      error(on, matrix_view<T const>(e.view()), first, sums.data());
      for (std::size_t i = 0; i < w.rows; ++i) {
        if (k == 0) {
          best.push_back(grid_of(i));
          least[i] = sums[i];
        } else if (sums[i] < least[i]) {
          best[i] = grid_of(i);
          least[i] = sums[i];
        }
      }
    }
    for (std::size_t i = 0; i < w.rows; ++i) {
      scales(i, g) = best[i].stored();
      if (scheme.has_zero_points()) {
        zeros(i, g) = static_cast<std::int8_t>(best[i].zero_point);
      }
      totals[i] += least[i];
    }
    best.clear();
  }
}

/// The search for all rows, and the codes.
template <class T, class P, class Scheme, class W, class Code, class Scale, class Error>
std::vector<double> search_clip_with(P const& on, Scheme const& scheme, matrix_view<W const> w,
                                     clip_options const& options, quantized_rows<Code, Scale> const& out,
                                     Error const& error) {
  static_assert(clippable_scheme<Scheme>, "this scheme has no clip ratio to search for: it lacks a member clip");
  check_quantizes<W, host_space>(on, scheme, out);
  check_stride("weights", w);
  check_quantized(scheme, out, w.rows, w.columns);
  expects(options.ratios >= 2 && options.least > 0 && options.least < 1, "search_clip: ", options.ratios,
          " ratios down to ", options.least, "; there must be at least 2, down to a number between 0 and 1");
  expects(options.power > 0 && is_finite(options.power), "search_clip: the power is ", options.power,
          "; it must be above 0");
  reject_non_finite_weights(w);
  std::vector<double> totals(w.rows);
  constexpr std::size_t block = 64;
  P const one = one_thread(on);
  parallel_products(on, ceil_div(w.rows, block), [&](std::size_t i) {
    std::size_t const first = i * block;
    std::size_t const count = std::min(block, w.rows - first);
    auto const part = out.row_block(first, count);
    search_clip_rows<T>(one, scheme, options, w.row_block(first, count), part.scales, part.zero_points, error,
                        totals.data() + first);
  });
  encode(on, scheme, w, codes_for_grids<Code, Scale>{out.codes, out.scales, out.zero_points});
  return totals;
}

}  // namespace detail

/// Quantizes weights with the best clip ratio for each row or group:
///   min over ratios r of sum |e|^p,   e = w - Q_{r clip}(w)
/// Of equal sums, the first counts: the larger ratio, and of one ratio the scheme's first candidate. (For p = 2 alone, a
/// searched_range in the scheme does the same, wherever codes are made.)
/// @param on where to run (host)   @param scheme any with a clip; its own candidates are tried with each ratio
/// @param w (o x n) float, half or bfloat16   @param out codes, scales and zero points, as quantize() writes them; for GPTQ with
/// gptq_scales::given
/// @return for each row, the sum that was reached
/// Complexity: o n for each ratio and candidate; a power for each if p is not 2.
/// Determinism: bitwise for any number of threads and any split of the rows; for p other than 2, as the C library's pow().
/// Throws: std::invalid_argument on shapes, options, and values that are not finite (naming the row).
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456 (p = 2.4, for weights).
template <execution_policy P, class Scheme, detail::weight_storage W, class Code, class Scale>
std::vector<double> search_clip(P const& on, Scheme const& scheme, matrix_view<W> w, clip_options const& options,
                                quantized_rows<Code, Scale> const& out) {
  return detail::search_clip_with<double>(on, scheme, matrix_view<std::remove_const_t<W> const>(w), options, out,
                                          detail::power_error{options.power});
}

/// The same for errors that are weighted by the diagonal of H, the mean squares of activations:   sum h_j e_j^2
/// @param h (n) at least 0, finite   The power does not count.
template <execution_policy P, class Scheme, detail::weight_storage W, dense_scalar T, class Code, class Scale>
std::vector<double> search_clip(P const& on, Scheme const& scheme, matrix_view<W> w, vector_view<T> h,
                                clip_options const& options, quantized_rows<Code, Scale> const& out) {
  using Value = std::remove_const_t<T>;
  expects(h.size == w.columns, "search_clip: ", h.size, " weights of errors for ", w.columns, " columns");
  for (std::size_t j = 0; j < h.size; ++j) {
    expects(is_finite(h[j]) && h[j] >= 0, "search_clip: the weight of column ", j, " is ", h[j],
            "; it must be finite and at least 0");
  }
  return detail::search_clip_with<Value>(on, scheme, matrix_view<std::remove_const_t<W> const>(w), options, out,
                                         detail::diagonal_error<Value>{h});
}

/// The same for errors of the layer's output:   e H e^T, with the square part of H that belongs to a group
/// Exact for whole rows; for groups, what crosses them does not count.
/// @param h (n x n) symmetric, such as gram_sums gives   Complexity: o n group for each ratio and candidate, as products.
template <execution_policy P, class Scheme, detail::weight_storage W, dense_scalar T, class Code, class Scale>
std::vector<double> search_clip(P const& on, Scheme const& scheme, matrix_view<W> w, matrix_view<T> h,
                                clip_options const& options, quantized_rows<Code, Scale> const& out) {
  using Value = std::remove_const_t<T>;
  check_shape("search_clip: H", h, w.columns, w.columns);
  std::size_t const bad_row = first_non_finite_row(matrix_view<Value const>(h));
  expects(bad_row == all_finite, "search_clip: row ", bad_row, " of H is not finite");
  return detail::search_clip_with<Value>(on, scheme, matrix_view<std::remove_const_t<W> const>(w), options, out,
                                         detail::gram_error<Value>{h});
}

}  // namespace dfrot
