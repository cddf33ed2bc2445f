#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/low_rank.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>

namespace dfrot::reference {

namespace detail {

/// rotate_quantize() with any way to rotate a row in place: a row is copied, rotated and quantized.
template <quantization_scheme Scheme, class T, class Sink, class Rotate>
[[nodiscard]] DFROT_PER_ISA std::size_t rotate_quantize_each(policy const& on, Scheme const& scheme,
                                                             matrix_view<T const> x, Sink const& out,
                                                             vector_view<arithmetic_t<T>> workspace,
                                                             Rotate const& rotate) {
  using Real = arithmetic_t<T>;
  std::size_t bad_row = all_finite;
  matrix_view<Real> const rotated(workspace.data, 1, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::transform(x.row(i), x.row(i) + x.columns, rotated.data, [](T value) { return load(value); });
    rotate(rotated);
    if (quantize_rows(on, scheme, matrix_view<Real const>(rotated), out.row_block(i, 1)) != all_finite) {
      bad_row = std::min(bad_row, i);
    }
  }
  return bad_row;
}

}  // namespace detail

/// Hook of rotate_quantize(). Returns the first row whose rotation has a non-finite value, or all_finite; such rows are not
/// written.
template <quantization_scheme Scheme, storage T, class Sink>
std::size_t rotate_quantize_rows(policy const& on, hadamard_order const& order, vector_view<std::int8_t const> signs,
                                 Scheme const& scheme, matrix_view<T const> x, Sink const& out,
                                 vector_view<arithmetic_t<T>> workspace) noexcept {
  return detail::rotate_quantize_each(on, scheme, x, out, workspace, [&](matrix_view<arithmetic_t<T>> row) {
    hadamard_rows(on, order, signs, row, {});
  });
}

/// The same for a short_rotation. @param g of G
template <quantization_scheme Scheme, storage T, class Sink>
std::size_t rotate_quantize_rows(policy const& on, low_rank_view<arithmetic_t<T>> const& g, hadamard_order const& order,
                                 vector_view<std::int8_t const> signs, Scheme const& scheme, matrix_view<T const> x,
                                 Sink const& out, vector_view<arithmetic_t<T>> workspace) noexcept {
  return detail::rotate_quantize_each(on, scheme, x, out, workspace, [&](matrix_view<arithmetic_t<T>> row) {
    short_rotation_rows(on, g, order, signs, row, {});
  });
}

}  // namespace dfrot::reference
