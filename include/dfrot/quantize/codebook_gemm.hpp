#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/float_sums.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/product_output.hpp>

namespace dfrot {

/// A weight W (o x n) whose rows have a table of sixteen values each:   W(j, l) is about table(j, code(j, l))
/// Somebody else owns it; kmeans_codebooks() fills it. A const Byte makes it read-only. Trivially copyable.
template <class Byte, class Value>
struct codebook_rows {
  matrix_view<Byte> codes;    ///< (o x ceil(n / 2)), 0 … 15, packed as by pack()
  matrix_view<Value> tables;  ///< (o x 16) float, half or bfloat16; rising where kmeans_codebooks() made them
  std::size_t columns = 0;    ///< n
};

namespace detail {

template <class Byte, class Value>
DFROT_PER_ISA void check_codebooks(codebook_rows<Byte, Value> const& w) {
  check_shape("packed codes", w.codes, w.codes.rows, packed_columns(w.columns));
  check_shape("tables", w.tables, w.codes.rows, 16);
}

/// The values of row j from an even column on.
template <class Byte, class Value>
DFROT_PER_ISA void decode_codebook(codebook_rows<Byte, Value> const& w, std::size_t j, std::size_t first,
                                   std::size_t count, float* out) {
  auto const* const codes = w.codes.row(j) + first / 2;
  auto const* const table = w.tables.row(j);
  for (std::size_t l = 0; l < count; ++l) {
    out[l] = load(table[unpack_uint4(codes[l / 2], l % 2)]);
  }
}

inline constexpr std::size_t codebook_columns = 64;  // decoded at a time
inline constexpr std::size_t codebook_tokens = 8;    // that are multiplied by them

/// Output j for up to eight tokens.
template <class X, class Byte, class Value, product_output Out>
DFROT_PER_ISA void multiply_codebook(matrix_view<X> x, codebook_rows<Byte, Value> const& w, std::size_t first,
                                     std::size_t count, std::size_t j, Out const& out) {
  float_sums sums[codebook_tokens];
  for (std::size_t column = 0; column < w.columns; column += codebook_columns) {
    float values[codebook_columns];
    std::size_t const size = std::min(codebook_columns, w.columns - column);
    decode_codebook(w, j, column, size, values);
    for (std::size_t i = 0; i < count; ++i) {
      sums[i].add(x.row(first + i) + column, values, size);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    put_result(out, first + i, j, sums[i].total());
  }
}

}  // namespace detail

/// Multiplies activations by a weight of codebooks:   out(i, j) = sum_l x(i, l) table(j, code(j, l)),   that is, X W^T
/// For weights alone (W4A16): activations are not quantized. A table a row has no integer product.
/// @param on where to run (host)   @param x (m x n) float, half or bfloat16   @param w (o x n)
/// @param out (m x o) float, half or bfloat16, or add_to() of it
/// Precision: products and sums in float; each sum is sixteen sums, added up in pairs; rounded once to the output's type.
/// Not looked at for NaN: a token with one has it in all its outputs.
/// Complexity: m o n multiplications, o n look-ups for each eight tokens; no workspace.
/// Determinism: bitwise for any number of threads and any split of the tokens; another instruction set may round otherwise.
/// Throws: std::invalid_argument on shape.   Source: Kim et al. (SqueezeLLM), arXiv 2306.07629, section 4.3.
template <execution_policy P, class X, class Byte, class Value, product_output Out>
requires std::is_same_v < arithmetic_t<X>,
float > void codebook_gemm(P const& on, matrix_view<X> x, codebook_rows<Byte, Value> const& w, Out const& out) {
  check_policy<host_space>(on);
  detail::check_codebooks(w);
  check_shape("activations", x, x.rows, w.columns);
  check_shape("output", detail::values_of(out), x.rows, w.codes.rows);
  constexpr std::size_t block = 16;
  parallel_for(threads_of(on), ceil_div(w.codes.rows, block), [&](std::size_t b) {
    std::size_t const end = std::min(w.codes.rows, (b + 1) * block);
    for (std::size_t first = 0; first < x.rows; first += detail::codebook_tokens) {
      std::size_t const count = std::min(detail::codebook_tokens, x.rows - first);
      for (std::size_t j = b * block; j < end; ++j) {
        detail::multiply_codebook(x, w, first, count, j, out);
      }
    }
  });
}

/// Turns codes back to values: out(j, l) = table(j, code(j, l)).
/// @param on where to run (host)   @param w (o x n)   @param out (o x n) float, half or bfloat16
/// Complexity: O(o n).   Determinism: bitwise.   Throws: std::invalid_argument on shape.
template <execution_policy P, class Byte, class Value, product_result T>
void dequantize(P const& on, codebook_rows<Byte, Value> const& w, matrix_view<T> out) {
  check_policy<host_space>(on);
  detail::check_codebooks(w);
  check_shape("output", out, w.codes.rows, w.columns);
  parallel_for(threads_of(on), out.rows, [&](std::size_t j) {
    for (std::size_t column = 0; column < w.columns; column += detail::codebook_columns) {
      float values[detail::codebook_columns];
      std::size_t const size = std::min(detail::codebook_columns, w.columns - column);
      detail::decode_codebook(w, j, column, size, values);
      std::transform(values, values + size, out.row(j) + column, [](float value) { return store_saturated<T>(value); });
    }
  });
}

}  // namespace dfrot
