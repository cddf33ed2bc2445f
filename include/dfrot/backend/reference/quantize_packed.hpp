#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/reference/int4_grid_choice.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/packed_view.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::reference {

/// Hook of quantize() to packed codes. Returns the first row with a non-finite value, or all_finite; such rows are not
/// written.
template <storage T>
std::size_t quantize_packed_rows(policy const& /*on*/, int4_scheme const& scheme, matrix_view<T const> x,
                                 packed_view<std::uint8_t, arithmetic_t<T>> const& out) noexcept {
  std::size_t bad_row = all_finite;
  std::size_t const group = group_size(scheme, x.columns);
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (!finite_row(x.row(i), x.columns)) {
      bad_row = std::min(bad_row, i);
      continue;
    }
    for (std::size_t g = 0; g < group_count(scheme, x.columns); ++g) {
      std::size_t const first = g * group;
      std::size_t const count = std::min(group, x.columns - first);
      auto const grid = choose_grid(scheme, x.row(i) + first, count);
      out.scales(i, g) = grid.scale;
      if (!scheme.symmetric) {
        out.zero_points(i, g) = static_cast<std::int8_t>(grid.zero_point);
      }
      for (std::size_t j = first; j < first + count; ++j) {
        int const code = grid.encode(load(x(i, j)));
        std::uint8_t& byte = out.packed(i, j / 2);
        byte = j % 2 == 0 ? pack_int4(code, 0) : pack_int4(byte, code);
      }
    }
  }
  return bad_row;
}

/// Hook of dequantize() of packed codes.
template <storage T>
void dequantize_packed_rows(policy const& /*on*/, int4_scheme const& scheme,
                            packed_view<std::uint8_t const, arithmetic_t<T> const> const& q,
                            matrix_view<T> out) noexcept {
  std::size_t const group = group_size(scheme, out.columns);
  for (std::size_t i = 0; i < out.rows; ++i) {
    for (std::size_t j = 0; j < out.columns; ++j) {
      std::uint8_t const byte = q.packed(i, j / 2);
      unsigned const position = j % 2;
      int4_grid<arithmetic_t<T>> grid;
      grid.scale = q.scales(i, j / group);
      grid.zero_point = scheme.symmetric ? 0 : q.zero_points(i, j / group);
      out(i, j) = store_saturated<T>(
          grid.decode(scheme.symmetric ? unpack_int4(byte, position) : unpack_uint4(byte, position)));
    }
  }
}

}  // namespace dfrot::reference
