#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// Rows quantized to 4 bits, two codes a byte as pack() writes them: what is kept of a key-value cache or of a weight.
/// packed: m x ceil(n / 2) of uint8_t;   scales: m x group_count;   zero_points: m x group_count, or empty for a
/// symmetric scheme. Byte is const for codes that are only read, and makes the zero points const, too.
template <class Byte, class Real, class Space = host_space>
struct packed_view {
  using zero_point_type = std::conditional_t<std::is_const_v<Byte>, std::int8_t const, std::int8_t>;

  matrix_view<Byte, Space> packed;
  matrix_view<Real, Space> scales;
  matrix_view<zero_point_type, Space> zero_points;
};

namespace detail {

/// Checks that packed codes, scales and zero points fit to m x n activations under a scheme.
template <class Byte, class Real, class Space>
DFROT_PER_ISA void check_packed(int4_scheme const& scheme, packed_view<Byte, Real, Space> const& q, std::size_t rows,
                                std::size_t columns) {
  check_scheme(scheme);
  check_shape("packed codes", q.packed, rows, packed_columns(columns));
  check_shape("scales", q.scales, rows, group_count(scheme, columns));
  if (!scheme.symmetric) {
    check_shape("zero points", q.zero_points, rows, group_count(scheme, columns));
  }
}

}  // namespace detail

}  // namespace dfrot
