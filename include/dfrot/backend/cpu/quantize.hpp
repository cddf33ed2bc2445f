#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/codes/int4_decode.hpp>
#include <dfrot/backend/cpu/codes/int4_encode.hpp>
#include <dfrot/backend/cpu/codes/int4_grid_choice.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Hook of quantize(). Returns the first row with a non-finite value, or all_finite; such rows get no codes.
template <class Arch, storage T>
std::size_t quantize_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, matrix_view<T const> x,
                          quantized_view<std::int8_t, arithmetic_t<T>> const& out) noexcept {
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    T const* const row = x.row(i);
    arithmetic_t<T>* const scales = out.scales.row(i);
    std::int8_t* const zeros = scheme.symmetric ? nullptr : out.zero_points.row(i);
    return choose_row_grids<Arch>(
        scheme, row, x.columns, scales, zeros, [&](auto const& grid, std::size_t first, std::size_t count) {
          encode<Arch>(grid, row + first, count, out.codes.row(i) + first, grid_reach(scheme));
        });
  });
}

/// Hook of dequantize().
template <class Arch, storage T>
void dequantize_rows(basic_policy<Arch> const& on, int4_scheme const& scheme,
                     quantized_view<std::int8_t const, arithmetic_t<T> const> const& q, matrix_view<T> out) noexcept {
  for_each_row(on, out.rows, out.columns, [&](std::size_t i) {
    for_each_group(scheme, out.columns, [&](std::size_t g, std::size_t first, std::size_t count) {
      auto const grid = grid_from_scale(scheme, q.scales(i, g), scheme.symmetric ? 0 : q.zero_points(i, g));
      decode<Arch>(grid, q.codes.row(i) + first, count, out.row(i) + first);
    });
  });
}

/// Hook of fake_quantize(). Returns the first row with a non-finite value, or all_finite; such groups are not written.
template <class Arch, storage T, storage U>
std::size_t fake_quantize_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, matrix_view<T const> x,
                               matrix_view<U> out) noexcept {
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    bool finite = true;
    for_each_group(scheme, x.columns, [&](std::size_t, std::size_t first, std::size_t count) {
      bool const chosen = choose_grid<Arch>(scheme, x.row(i) + first, count, [&](auto const& grid) {
        round_to_grid<Arch>(grid, x.row(i) + first, count, out.row(i) + first);
      });
      finite = finite && chosen;
    });
    return finite;
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
