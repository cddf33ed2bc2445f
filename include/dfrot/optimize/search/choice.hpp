#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot {

/// Which of several candidates has the least error.
struct choice {
  std::size_t index = 0;
  double error = 0;
  std::vector<double> errors;  ///< of all candidates, in order
};

/// The first of the least numbers; NaN is not less than anything, so that it is chosen only where all are NaN.
/// @param errors at least one
[[nodiscard]] inline choice first_least(std::vector<double> errors) {
  expects(!errors.empty(), "a choice among no candidates");
  std::size_t best = 0;
  for (std::size_t k = 1; k < errors.size(); ++k) {
    best = errors[k] < errors[best] || is_nan(errors[best]) ? k : best;
  }
  best = is_nan(errors[best]) ? 0 : best;
  double const error = errors[best];
  return {best, error, std::move(errors)};
}

/// Tries candidates by one objective; the first of the least errors is taken. So the order says who wins a tie.
///   k = argmin over candidates c_k of error(c_k)
/// @param error error(c): a number   @param candidates of any types: schemes, clip ratios, layouts, …
/// Complexity: one error for each.   Determinism: as error's.
/// Source: the search of AdaDim (Heo et al., arXiv 2309.15531) and of HQ-DiT (Liu, Zhang, arXiv 2405.19751).
template <class Error, class... Candidates>
[[nodiscard]] choice choose(Error&& error, Candidates const&... candidates) {
  return first_least({static_cast<double>(error(candidates))...});
}

/// Calls use(c_k) for the candidate that was chosen. Throws: std::invalid_argument if there is no candidate k.
template <class Use, class... Candidates>
void with_choice(std::size_t k, Use&& use, Candidates const&... candidates) {
  expects(k < sizeof...(candidates), "candidate ", k, " of ", sizeof...(candidates));
  std::size_t i = 0;
  (static_cast<void>(i++ == k ? (use(candidates), 0) : 0), ...);
}

/// Quantizes a tensor with the best of several schemes.
/// @param search search(scheme, out) quantizes the tensor to `out`, and returns the error of each row, as search_clip() does
/// @param out codes and scales, of one type for all schemes
/// Complexity: one search for each scheme, and one for the best.   Determinism, Throws: as search's.
template <class Search, class Code, class Scale, class... Schemes>
choice choose_for_tensor(Search&& search, quantized_rows<Code, Scale> const& out, Schemes const&... schemes) {
  auto const found = choose(
      [&](auto const& scheme) {
        std::vector<double> const rows = search(scheme, out);
        return std::accumulate(rows.begin(), rows.end(), 0.0);
      },
      schemes...);
  if (found.index + 1 < sizeof...(schemes)) {  // the last one's codes are there
    with_choice(
        found.index, [&](auto const& scheme) { search(scheme, out); }, schemes...);
  }
  return found;
}

/// The scheme of each row.
struct row_choices {
  std::vector<std::uint8_t> schemes;  ///< its number among the candidates
  std::vector<double> errors;
};

/// Quantizes each row (output channel) with the best of several schemes; the first of equals.
/// Contract as choose_for_tensor(), but for: workspace of another `out`; one search for each scheme.
template <class Search, class Code, class Scale, class... Schemes>
requires(sizeof...(Schemes) >= 1 && sizeof...(Schemes) <= 255) row_choices
    choose_for_rows(Search&& search, quantized_rows<Code, Scale> const& out, Schemes const&... schemes) {
  matrix<Code> codes(out.codes.rows, out.codes.columns);
  matrix<Scale> scales(out.scales.rows, out.scales.columns);
  matrix<std::int8_t> zeros(out.zero_points.rows, out.zero_points.columns);
  quantized_rows<Code, Scale> const tried{codes.view(), scales.view(), zeros.view()};
  row_choices best;
  std::uint8_t number = 0;
  auto const copy_row = [](auto const& from, auto const& to, std::size_t i) {
    std::copy_n(from.row(i), from.columns, to.row(i));
  };
  auto const try_scheme = [&](auto const& scheme) {
    std::vector<double> errors = search(scheme, number == 0 ? out : tried);
    if (number == 0) {
      best.schemes.assign(errors.size(), 0);
      best.errors = std::move(errors);
    } else {
      for (std::size_t i = 0; i < errors.size(); ++i) {
        if (first_least({best.errors[i], errors[i]}).index == 1) {
          best.schemes[i] = number;
          best.errors[i] = errors[i];
          copy_row(tried.codes, out.codes, i);
          copy_row(tried.scales, out.scales, i);
          copy_row(tried.zero_points, out.zero_points, i);
        }
      }
    }
    ++number;
  };
  (try_scheme(schemes), ...);
  return best;
}

/// Turns codes of choose_for_rows() back to values.
/// @param schemes as given there   @param out (m x n)   Complexity: O(m n).   Determinism: bitwise.
/// Throws: std::invalid_argument on shape.
template <execution_policy P, class Code, class Scale, class T, class... Schemes>
void dequantize(P const& on, row_choices const& choices, quantized_rows<Code, Scale> const& q, matrix_view<T> out,
                Schemes const&... schemes) {
  expects(choices.schemes.size() == out.rows, "choices for ", choices.schemes.size(), " rows, of ", out.rows);
  for (std::size_t first = 0; first < out.rows;) {
    std::size_t end = first + 1;
    while (end < out.rows && choices.schemes[end] == choices.schemes[first]) {
      ++end;
    }
    with_choice(
        choices.schemes[first],
        [&](auto const& scheme) {
          dequantize(on, scheme, q.row_block(first, end - first), out.row_block(first, end - first));
        },
        schemes...);
    first = end;
  }
}

}  // namespace dfrot
