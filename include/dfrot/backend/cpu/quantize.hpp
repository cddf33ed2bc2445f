#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/int4_grid_choice.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Hook of quantize(). Returns the first row with a non-finite value, or all_finite; such groups are not written.
template <class Arch, storage T>
std::size_t quantize_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, matrix_view<T const> x,
                          quantized_view<std::int8_t, arithmetic_t<T>> const& out) noexcept {
  std::size_t const group = group_size(scheme, x.columns);
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    bool finite = true;
    for (std::size_t first = 0, g = 0; first < x.columns; first += group, ++g) {
      T const* const values = x.row(i) + first;
      std::size_t const count = std::min(group, x.columns - first);
      auto const chosen = choose_grid(scheme, values, count);
      finite = finite && chosen.finite;
      if (!chosen.finite) {
        continue;
      }
      auto const grid = chosen.grid;
      out.scales(i, g) = grid.scale;
      if (!scheme.symmetric) {
        out.zero_points(i, g) = static_cast<std::int8_t>(grid.zero_point);
      }
      std::int8_t* const codes = out.codes.row(i) + first;
      for (std::size_t j = 0; j < count; ++j) {
        codes[j] = grid.encode(load(values[j]));
      }
    }
    return finite;
  });
}

/// Hook of dequantize().
template <class Arch, storage T>
void dequantize_rows(basic_policy<Arch> const& on, int4_scheme const& scheme,
                     quantized_view<std::int8_t const, arithmetic_t<T> const> const& q, matrix_view<T> out) noexcept {
  std::size_t const group = group_size(scheme, out.columns);
  for_each_row(on, out.rows, out.columns, [&](std::size_t i) {
    for (std::size_t first = 0, g = 0; first < out.columns; first += group, ++g) {
      int4_grid<arithmetic_t<T>> grid;
      grid.scale = q.scales(i, g);
      grid.zero_point = scheme.symmetric ? 0 : q.zero_points(i, g);
      std::int8_t const* const codes = q.codes.row(i) + first;
      T* const values = out.row(i) + first;
      std::size_t const count = std::min(group, out.columns - first);
      for (std::size_t j = 0; j < count; ++j) {
        values[j] = store<T>(grid.decode(codes[j]));
      }
    }
  });
}

/// Hook of fake_quantize(). Returns the first row with a non-finite value, or all_finite; such groups are not written.
template <class Arch, storage T, storage U>
std::size_t fake_quantize_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, matrix_view<T const> x,
                               matrix_view<U> out) noexcept {
  std::size_t const group = group_size(scheme, x.columns);
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    bool finite = true;
    for (std::size_t first = 0; first < x.columns; first += group) {
      T const* const values = x.row(i) + first;
      U* const rounded = out.row(i) + first;
      std::size_t const count = std::min(group, x.columns - first);
      auto const chosen = choose_grid(scheme, values, count);
      finite = finite && chosen.finite;
      auto const grid = chosen.grid;
      for (std::size_t j = 0; chosen.finite && j < count; ++j) {
        rounded[j] = store<U>(static_cast<arithmetic_t<U>>(grid.decode(grid.encode(load(values[j])))));
      }
    }
    return finite;
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
