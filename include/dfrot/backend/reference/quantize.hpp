#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/reference/find_grid.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/sinks.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::reference {

/// Hook of quantize(), encode(), fake_quantize() and token_errors(). Returns the first row with a non-finite value, or
/// all_finite; such rows are not written.
template <quantization_scheme Scheme, storage T, class Sink>
requires requires(policy const& on, Scheme const& scheme, Sink const& out, T const* x) {
  take_group(on, scheme, out, std::size_t{0}, std::size_t{0}, x, std::size_t{0}, std::size_t{0});
}
std::size_t quantize_rows(policy const& on, Scheme const& scheme, matrix_view<T const> x, Sink const& out) noexcept {
  std::size_t bad_row = all_finite;
  std::size_t const group = group_size(scheme, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (!finite_row(x.row(i), x.columns)) {
      bad_row = std::min(bad_row, i);
      continue;
    }
    begin_row(on, out, i);
    for (std::size_t g = 0; g < group_count(scheme, x.columns); ++g) {
      take_group(on, scheme, out, i, g, x.row(i), g * group, std::min(group, x.columns - g * group));
    }
  }
  return bad_row;
}

/// Hook of dequantize().
template <quantization_scheme Scheme, class Code, storage T>
void dequantize_rows(policy const& /*on*/, Scheme const& scheme,
                     quantized_rows<Code const, typename Scheme::template scale_type<arithmetic_t<T>> const> const& q,
                     matrix_view<T> out) noexcept {
  std::size_t const group = group_size(scheme, out.columns);
  for (std::size_t i = 0; i < out.rows; ++i) {
    for (std::size_t j = 0; j < out.columns; ++j) {
      std::size_t const g = j / group;
      auto const grid =
          scheme.template grid<arithmetic_t<T>>(q.scales(i, g), scheme.has_zero_points() ? q.zero_points(i, g) : 0);
      out(i, j) = store_saturated<T>(grid.decode(get_code(scheme, q.codes.row(i), j)));
    }
  }
}

}  // namespace dfrot::reference
