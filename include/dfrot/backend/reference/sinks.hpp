#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/reference/find_grid.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::reference {

// What becomes of quantized rows, group by group, each as
//   take_group(on, scheme, out, i, g, x, first, count): group g of row i, values x[first] … x[first + count - 1], all finite

/// Writes code j of a row.
template <class Code>
DFROT_PER_ISA void put_code(Code* row, std::size_t j, int code) {
  if constexpr (std::is_same_v<Code, std::uint8_t>) {
    row[j / 2] = j % 2 == 0 ? pack_int4(code, 0) : pack_int4(row[j / 2], code);
  } else {
    row[j] = static_cast<Code>(code);
  }
}

/// Code j of a row.
template <class Scheme, class Code>
[[nodiscard]] DFROT_PER_ISA int get_code(Scheme const& scheme, Code const* row, std::size_t j) {
  if constexpr (std::is_same_v<Code, std::uint8_t>) {
    return scheme.code_of(unpack_uint4(row[j / 2], j % 2));
  } else {
    return row[j];
  }
}

/// Codes, scales and zero points.
template <quantization_scheme Scheme, class Code, storage T>
DFROT_PER_ISA void take_group(policy const& /*on*/, Scheme const& scheme,
                              quantized_rows<Code, typename Scheme::template scale_type<arithmetic_t<T>>> const& out,
                              std::size_t i, std::size_t g, T const* x, std::size_t first, std::size_t count) {
  auto const grid = find_grid(scheme, x + first, count);
  out.scales(i, g) = grid.stored();
  if (scheme.has_zero_points()) {
    out.zero_points(i, g) = static_cast<std::int8_t>(grid.zero_point);
  }
  for (std::size_t j = first; j < first + count; ++j) {
    put_code(out.codes.row(i), j, grid.encode(load(x[j])));
  }
}

/// Codes for scales that are known.
template <quantization_scheme Scheme, class Code, storage T>
DFROT_PER_ISA void take_group(policy const& /*on*/, Scheme const& scheme,
                              codes_for_grids<Code, typename Scheme::template scale_type<arithmetic_t<T>>> const& out,
                              std::size_t i, std::size_t g, T const* x, std::size_t first, std::size_t count) {
  auto const grid =
      scheme.template grid<arithmetic_t<T>>(out.scales(i, g), scheme.has_zero_points() ? out.zero_points(i, g) : 0);
  for (std::size_t j = first; j < first + count; ++j) {
    put_code(out.codes.row(i), j, grid.encode(load(x[j])));
  }
}

/// What the codes stand for.
template <quantization_scheme Scheme, storage U, storage T>
DFROT_PER_ISA void take_group(policy const& /*on*/, Scheme const& scheme, matrix_view<U> out, std::size_t i,
                              std::size_t /*g*/, T const* x, std::size_t first, std::size_t count) {
  auto const grid = find_grid(scheme, x + first, count);
  for (std::size_t j = first; j < first + count; ++j) {
    out(i, j) = store_saturated<U>(grid.decode(grid.encode(load(x[j]))));
  }
}

/// Called before the groups of a row, of which an empty one has none.
template <class Sink>
DFROT_PER_ISA void begin_row(policy const& /*on*/, Sink const& /*out*/, std::size_t /*i*/) {}
DFROT_PER_ISA inline void begin_row(policy const& /*on*/, vector_view<token_error> out, std::size_t i) { out[i] = {}; }

/// Errors and norms.
template <quantization_scheme Scheme, storage T>
DFROT_PER_ISA void take_group(policy const& /*on*/, Scheme const& scheme, vector_view<token_error> out, std::size_t i,
                              std::size_t /*g*/, T const* x, std::size_t first, std::size_t count) {
  token_error error = out[i];
  error.squared_error += grid_error(find_grid(scheme, x + first, count), x + first, count);
  for (std::size_t j = first; j < first + count; ++j) {
    double const value = static_cast<double>(load(x[j]));
    error.squared_norm += value * value;
  }
  out[i] = error;
}

}  // namespace dfrot::reference
