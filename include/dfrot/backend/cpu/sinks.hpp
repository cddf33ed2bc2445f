#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/codes/find_grid.hpp>
#include <dfrot/backend/cpu/codes/grid_error.hpp>
#include <dfrot/backend/cpu/codes/group_quantizer.hpp>
#include <dfrot/backend/cpu/codes/int4_encode.hpp>
#include <dfrot/backend/cpu/codes/plain_codes.hpp>
#include <dfrot/backend/cpu/codes/table_codes.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// What becomes of one row:
//   quantize_row<Arch>(scheme, row, columns, i, out, next_row)
// quantizes it to row i of the output, and returns whether all its values are finite; codes are written only then.
// next_row is brought to the cache meanwhile: the row that will be quantized next, or null.

namespace detail {

/// Encodes one group, while the same columns of another row come to the cache. A packed group that starts in an odd column
/// shares a byte with the one before.
template <class Arch, class Grid, storage T>
void encode_group(Grid const& grid, T const* row, std::size_t first, std::size_t count, std::uint8_t* packed,
                  float reach, T const* next_row) {
  std::size_t const shared = first % 2;
  if (shared != 0) {
    packed[first / 2] = pack_int4(packed[first / 2], grid.encode(load(row[first])));
  }
  encode_packed<Arch>(grid, row + first + shared, count - shared, packed + (first + shared) / 2, reach,
                      next_row == nullptr ? nullptr : next_row + first + shared);
}
template <class Arch, class Grid, storage T>
void encode_group(Grid const& grid, T const* row, std::size_t first, std::size_t count, std::int8_t* codes, float reach,
                  T const* /*next_row*/) {
  encode<Arch>(grid, row + first, count, codes + first, reach);
}

}  // namespace detail

/// Codes, scales and zero points.
template <class Arch, quantization_scheme Scheme, storage T, class Code>
[[nodiscard]] bool quantize_row(Scheme const& scheme, T const* row, std::size_t columns, std::size_t i,
                                quantized_rows<Code, typename Scheme::template scale_type<arithmetic_t<T>>> const& out,
                                T const* next_row) {
  auto* const scales = out.scales.row(i);
  std::int8_t* const zeros = scheme.has_zero_points() ? out.zero_points.row(i) : nullptr;
  float const reach = scheme.reach();
  Code* const codes = out.codes.row(i);
  if constexpr (std::is_same_v<Scheme, int4_scheme> && std::is_same_v<Code, std::uint8_t> && has<Arch, avx512> &&
                sizeof(arithmetic_t<T>) == sizeof(float)) {
    if (suits_group_quantizer(scheme, columns)) {
      grouped_row const end = group_quantizer<Arch>::quantize(scheme, row, columns, scales, zeros, codes, next_row);
      if (end != grouped_row::declined) {
        return end == grouped_row::packed;
      }
    }
  }
  return find_row_grids<Arch>(scheme, row, columns, scales, zeros,
                              [=](auto const& grid, std::size_t first, std::size_t count) {
                                detail::encode_group<Arch>(grid, row, first, count, codes, reach, next_row);
                              });
}

/// Codes for scales that are known.
template <class Arch, quantization_scheme Scheme, storage T, class Code>
[[nodiscard]] bool quantize_row(Scheme const& scheme, T const* row, std::size_t columns, std::size_t i,
                                codes_for_grids<Code, typename Scheme::template scale_type<arithmetic_t<T>>> const& out,
                                T const* /*next_row*/) {
  if (!finite_row<Arch>(row, columns)) [[unlikely]] {
    return false;
  }
  for_each_group(scheme, columns, [&](std::size_t g, std::size_t first, std::size_t count) {
    auto const grid =
        scheme.template grid<arithmetic_t<T>>(out.scales(i, g), scheme.has_zero_points() ? out.zero_points(i, g) : 0);
    detail::encode_group<Arch>(grid, row, first, count, out.codes.row(i), unknown_reach,
                               static_cast<T const*>(nullptr));
  });
  return true;
}

/// What the codes stand for; groups with a value that is not finite are not written, others of its row are.
template <class Arch, quantization_scheme Scheme, storage T, storage U>
[[nodiscard]] bool quantize_row(Scheme const& scheme, T const* row, std::size_t columns, std::size_t i,
                                matrix_view<U> out, T const* /*next_row*/) {
  bool finite = true;
  for_each_group(scheme, columns, [&](std::size_t, std::size_t first, std::size_t count) {
    bool const found = find_grid<Arch>(scheme, row + first, count, [&](auto const& grid) {
      round_to_grid<Arch>(grid, row + first, count, out.row(i) + first);
    });
    finite = finite && found;
  });
  return finite;
}

/// Errors and norms.
template <class Arch, quantization_scheme Scheme, storage T>
[[nodiscard]] bool quantize_row(Scheme const& scheme, T const* row, std::size_t columns, std::size_t i,
                                vector_view<token_error> out, T const* /*next_row*/) {
  token_error error;
  bool finite = true;
  for_each_group(scheme, columns, [&](std::size_t, std::size_t first, std::size_t count) {
    bool const found = find_grid<Arch>(scheme, row + first, count, [&](auto const& grid) {
      auto const sums = sum_errors<Arch, true>(std::array{grid}, row + first, count);
      error.squared_error += sums.squared_error[0];
      error.squared_norm += sums.squared_norm;
    });
    finite = finite && found;
  });
  out[i] = finite ? error : out[i];
  return finite;
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
