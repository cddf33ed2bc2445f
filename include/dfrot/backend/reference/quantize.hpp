#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/reference/find_grid.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/sinks.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::reference {

/// One row, which becomes row i of the output. Returns whether all its values are finite; it is written only then.
template <quantization_scheme Scheme, storage T, class Sink>
[[nodiscard]] DFROT_PER_ISA bool quantize_row(policy const& on, Scheme const& scheme, T const* row, std::size_t columns,
                                              std::size_t i, Sink const& out) {
  if (!finite_row(row, columns)) {
    return false;
  }
  std::size_t const group = group_size(scheme, columns);
  begin_row(on, out, i);
  for (std::size_t g = 0; g < group_count(scheme, columns); ++g) {
    take_group(on, scheme, out, i, g, row, g * group, std::min(group, columns - g * group));
  }
  return true;
}

/// True if rows of T can become a Sink.
template <class Sink, class Scheme, class T>
concept takes_group = requires(policy const& on, Scheme const& scheme, Sink const& out, T const* x) {
  take_group(on, scheme, out, std::size_t{0}, std::size_t{0}, x, std::size_t{0}, std::size_t{0});
};

/// Hook of quantize(), encode(), fake_quantize() and token_errors(). Returns the first row with a non-finite value, or
/// all_finite; such rows are not written.
template <quantization_scheme Scheme, storage T, takes_group<Scheme, T> Sink>
std::size_t quantize_rows(policy const& on, Scheme const& scheme, matrix_view<T const> x, Sink const& out) noexcept {
  std::size_t bad_row = all_finite;
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (!quantize_row(on, scheme, x.row(i), x.columns, i, out)) {
      bad_row = std::min(bad_row, i);
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
