#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/codes/group_quantizer.hpp>
#include <dfrot/backend/cpu/codes/int4_decode.hpp>
#include <dfrot/backend/cpu/codes/int4_encode.hpp>
#include <dfrot/backend/cpu/codes/int4_grid_choice.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/packed_view.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Encodes one group into a packed row, while the same columns of another row come to the cache. A group that starts in
/// an odd column shares a byte with the one before.
template <class Arch, storage T>
void encode_packed_group(int4_grid<arithmetic_t<T>> const& grid, T const* row, std::size_t first, std::size_t count,
                         std::uint8_t* packed, float reach, T const* next_row) {
  std::size_t const shared = first % 2;
  if (shared != 0) {
    packed[first / 2] = pack_int4(packed[first / 2], grid.encode(load(row[first])));
  }
  encode_packed<Arch>(grid, row + first + shared, count - shared, packed + (first + shared) / 2, reach,
                      next_row == nullptr ? nullptr : next_row + first + shared);
}

/// Decodes one group of a packed row.
template <class Arch, storage T>
void decode_packed_group(int4_grid<arithmetic_t<T>> const& grid, std::uint8_t const* packed, std::size_t first,
                         std::size_t count, T* row) {
  std::size_t const shared = first % 2;
  if (shared != 0) {
    std::uint8_t const byte = packed[first / 2];
    row[first] = store_saturated<T>(grid.decode(grid.lowest < 0 ? unpack_int4(byte, 1) : unpack_uint4(byte, 1)));
  }
  decode_packed<Arch>(grid, packed + (first + shared) / 2, count - shared, row + first + shared);
}

}  // namespace detail

/// Quantizes one row to row i of the output. Returns whether all its values are finite; codes are written only then.
/// @param next_row brought to the cache meanwhile: the row that will be quantized next, or null
template <class Arch, storage T>
[[nodiscard]] bool quantize_packed_row(int4_scheme const& scheme, T const* row, std::size_t columns, std::size_t i,
                                       packed_view<std::uint8_t, arithmetic_t<T>> const& out, T const* next_row) {
  arithmetic_t<T>* const scales = out.scales.row(i);
  std::int8_t* const zeros = scheme.symmetric ? nullptr : out.zero_points.row(i);
  float const reach = grid_reach(scheme);
  std::uint8_t* const packed = out.packed.row(i);
  if constexpr (has<Arch, avx512> && sizeof(arithmetic_t<T>) == sizeof(float)) {
    if (suits_group_quantizer(scheme, columns)) {
      grouped_row const end = group_quantizer<Arch>::quantize(scheme, row, columns, scales, zeros, packed, next_row);
      if (end != grouped_row::declined) {
        return end == grouped_row::packed;
      }
    }
  }
  return choose_row_grids<Arch>(scheme, row, columns, scales, zeros,
                                [=](auto const& grid, std::size_t first, std::size_t count) {
                                  detail::encode_packed_group<Arch>(grid, row, first, count, packed, reach, next_row);
                                });
}

/// Hook of quantize() to packed codes. Returns the first row with a non-finite value, or all_finite; such rows get no
/// codes. Two passes over a row: the range of every group first, then its codes from the cache.
template <class Arch, storage T>
std::size_t quantize_packed_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, matrix_view<T const> x,
                                 packed_view<std::uint8_t, arithmetic_t<T>> const& out) noexcept {
  // From the second and third cache, asking for the next row saves a fifth of the time. From memory, where processors look
  // ahead themselves, it takes them out of step, and costs half as much again.
  std::size_t const row_bytes = x.columns * sizeof(T);
  bool const asks_ahead = row_bytes <= std::size_t{1} << 14U && x.rows * row_bytes <= std::size_t{1} << 23U;
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    T const* const next_row = asks_ahead && i + 1 < x.rows ? x.row(i + 1) : nullptr;
    return quantize_packed_row<Arch>(scheme, x.row(i), x.columns, i, out, next_row);
  });
}

/// Hook of dequantize() of packed codes.
template <class Arch, storage T>
void dequantize_packed_rows(basic_policy<Arch> const& on, int4_scheme const& scheme,
                            packed_view<std::uint8_t const, arithmetic_t<T> const> const& q,
                            matrix_view<T> out) noexcept {
  for_each_row(on, out.rows, out.columns, [&](std::size_t i) {
    for_each_group(scheme, out.columns, [&](std::size_t g, std::size_t first, std::size_t count) {
      auto const grid = grid_from_scale(scheme, q.scales(i, g), scheme.symmetric ? 0 : q.zero_points(i, g));
      detail::decode_packed_group<Arch>(grid, q.packed.row(i), first, count, out.row(i));
    });
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
