#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/codes/find_grid.hpp>
#include <dfrot/backend/cpu/codes/int4_decode.hpp>
#include <dfrot/backend/cpu/codes/plain_codes.hpp>
#include <dfrot/backend/cpu/codes/table_codes.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Decodes one group of a packed row, which may start in the high nibble of a byte.
template <class Arch, quantization_scheme Scheme, class Grid, storage T>
void decode_group(Scheme const& scheme, Grid const& grid, std::uint8_t const* packed, std::size_t first,
                  std::size_t count, T* row) {
  std::size_t const shared = first % 2;
  if (shared != 0) {
    row[first] = store_saturated<T>(grid.decode(scheme.code_of(unpack_uint4(packed[first / 2], 1))));
  }
  std::uint8_t const* const from = packed + (first + shared) / 2;
  if constexpr (is_int4_grid<Grid>) {
    decode_packed<Arch>(grid, from, count - shared, row + first + shared);
  } else {
    decode_packed<Arch>(grid, from, count - shared, row + first + shared,
                        [&scheme](int nibble) { return scheme.code_of(nibble); });
  }
}
template <class Arch, quantization_scheme Scheme, class Grid, storage T>
void decode_group(Scheme const& /*scheme*/, Grid const& grid, std::int8_t const* codes, std::size_t first,
                  std::size_t count, T* row) {
  decode<Arch>(grid, codes + first, count, row + first);
}

}  // namespace detail

/// Hook of dequantize().
template <class Arch, quantization_scheme Scheme, class Code, storage T>
void dequantize_rows(basic_policy<Arch> const& on, Scheme const& scheme,
                     quantized_rows<Code const, typename Scheme::template scale_type<arithmetic_t<T>> const> const& q,
                     matrix_view<T> out) noexcept {
  for_each_row(on, out.rows, out.columns, [&](std::size_t i) {
    for_each_group(scheme, out.columns, [&](std::size_t g, std::size_t first, std::size_t count) {
      auto const grid =
          scheme.template grid<arithmetic_t<T>>(q.scales(i, g), scheme.has_zero_points() ? q.zero_points(i, g) : 0);
      detail::decode_group<Arch>(scheme, grid, q.codes.row(i), first, count, out.row(i));
    });
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
