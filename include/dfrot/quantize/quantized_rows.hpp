#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// The bytes that a row of `columns` codes takes: two codes a byte in uint8_t, one in int8_t.
template <class Code>
[[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t code_bytes(std::size_t columns) {
  static_assert(sizeof(Code) == 1);
  return std::is_same_v<std::remove_const_t<Code>, std::uint8_t> ? packed_columns(columns) : columns;
}

/// Rows of 4-bit codes, with their scales and zero points: what is kept of activations, of a weight or of a key-value cache.
/// Somebody else owns them. The type of codes tells how they lie:
///   std::uint8_t   packed, two a byte as pack() writes them: m x ceil(n / 2)
///   std::int8_t    one a byte: m x n
///   scales: m x group_count, of the scheme's scale_type;   zero_points: m x group_count, or empty for a scheme without
/// A const Code makes the zero points const, too. Trivially copyable.
template <class Code, class Scale, class Space = host_space>
struct quantized_rows {
  using zero_point_type = std::conditional_t<std::is_const_v<Code>, std::int8_t const, std::int8_t>;

  matrix_view<Code, Space> codes;
  matrix_view<Scale, Space> scales;
  matrix_view<zero_point_type, Space> zero_points;

  /// Rows first … first + count - 1. @pre first + count <= rows
  [[nodiscard]] constexpr quantized_rows row_block(std::size_t first, std::size_t count) const {
    return {codes.row_block(first, count), scales.row_block(first, count),
            zero_points.data == nullptr ? zero_points : zero_points.row_block(first, count)};
  }

  /// The same, to be read only.
  [[nodiscard]] constexpr quantized_rows<Code const, Scale const, Space> as_const() const {
    return {codes, scales, zero_points};
  }
};

/// Columns first … first + count - 1 of quantized rows, such as one head of a key-value cache: whole groups, at a byte's start.
/// @param columns of all rows
/// Throws: std::invalid_argument if they begin or end inside a group or begin inside a byte, or are not there.
template <quantization_scheme Scheme, class Code, class Scale, class Space>
[[nodiscard]] DFROT_PER_ISA quantized_rows<Code, Scale, Space> column_block(Scheme const& scheme,
                                                                            quantized_rows<Code, Scale, Space> const& q,
                                                                            std::size_t columns, std::size_t first,
                                                                            std::size_t count) {
  std::size_t const group = group_size(scheme, columns);
  std::size_t const end = first + count;
  expects(first <= columns && count <= columns - first, "columns ", first, " to ", end, " of rows of ", columns);
  expects(group == columns || (first % group == 0 && (end % group == 0 || end == columns)), "columns ", first, " to ",
          end, " are not whole groups of ", group);
  bool const packed = code_bytes<Code>(2) == 1;
  expects(!packed || first % 2 == 0, "column ", first, " shares a byte with the one before");
  auto const part = [](auto const& all, std::size_t from, std::size_t size) {
    return std::remove_cvref_t<decltype(all)>{all.data + from, all.rows, size, all.row_stride};
  };
  std::size_t const first_group = group == columns ? 0 : first / group;
  std::size_t const groups = group == columns ? q.scales.columns : ceil_div(count, group);
  return {part(q.codes, packed ? first / 2 : first, code_bytes<Code>(count)), part(q.scales, first_group, groups),
          q.zero_points.data == nullptr ? q.zero_points : part(q.zero_points, first_group, groups)};
}

/// Quantized rows in memory without gaps. @param codes at least rows code_bytes(columns)   @param scales, zero_points at least
/// rows group_count(scheme, columns); no zero points for a scheme without
/// Throws: std::invalid_argument if there is too little of one of them.
template <quantization_scheme Scheme, class Code, class Scale>
[[nodiscard]] DFROT_PER_ISA quantized_rows<Code, Scale> make_quantized_rows(
    Scheme const& scheme, std::size_t rows, std::size_t columns, std::span<Code> codes, std::span<Scale> scales,
    std::span<typename quantized_rows<Code, Scale>::zero_point_type> zero_points = {}) {
  std::size_t const groups = group_count(scheme, columns);
  std::size_t const bytes = code_bytes<Code>(columns);
  expects(codes.size() >= rows * bytes, "codes: room for ", codes.size(), " bytes, ", rows, " rows of ", columns,
          " take ", rows * bytes);
  expects(scales.size() >= rows * groups, "scales: room for ", scales.size(), ", expected ", rows * groups);
  quantized_rows<Code, Scale> view{{codes.data(), rows, bytes}, {scales.data(), rows, groups}, {}};
  if (scheme.has_zero_points()) {
    expects(zero_points.size() >= rows * groups, "zero points: room for ", zero_points.size(), ", expected ",
            rows * groups);
    view.zero_points = {zero_points.data(), rows, groups};
  }
  return view;
}

namespace detail {

/// Checks that codes, scales and zero points fit to m x n activations under a scheme.
template <quantization_scheme Scheme, class Code, class Scale, class Space>
DFROT_PER_ISA void check_quantized(Scheme const& scheme, quantized_rows<Code, Scale, Space> const& q, std::size_t rows,
                                   std::size_t columns) {
  static_assert(code_bits<Scheme> == 4 || code_bytes<Code>(2) == 2,
                "codes of this scheme take a byte each: give std::int8_t, not packed codes");
  scheme.check();
  check_shape(code_bytes<Code>(2) == 1 ? "packed codes" : "codes", q.codes, rows, code_bytes<Code>(columns));
  check_shape("scales", q.scales, rows, group_count(scheme, columns));
  if (scheme.has_zero_points()) {
    check_shape("zero points", q.zero_points, rows, group_count(scheme, columns));
  }
}

}  // namespace detail

}  // namespace dfrot
