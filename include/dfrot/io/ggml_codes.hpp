#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/io/ggml_blocks.hpp>
#include <dfrot/io/ggml_encode.hpp>
#include <dfrot/io/ggml_type.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot {

namespace detail {

/// The nibble of column j, as the code's type keeps it.
template <class Code>
[[nodiscard]] int stored_nibble(Code const* row, std::size_t j) {
  if constexpr (std::is_same_v<std::remove_const_t<Code>, std::uint8_t>) {
    return unpack_uint4(row[j / 2], static_cast<unsigned>(j % 2));
  } else {
    return row[j] & 15;
  }
}

/// Whether half holds a scale as it is.
template <class Real>
[[nodiscard]] bool is_half(Real scale) {
  half const stored(static_cast<float>(scale));
  return is_finite(stored) && static_cast<Real>(static_cast<float>(stored)) == scale;
}

/// A block of 32 signed codes, from column `first` of a row.
template <class Code>
void put_q4_0_codes(Code const* row, std::size_t first, float scale, std::uint8_t* to) {
  put_ggml_half(to, scale);
  encode_ggml_nibbles(to + 2, [&](std::size_t j) { return stored_nibble(row, first + j) ^ 8; });
}

/// Checks rows of codes beside rows of blocks.
template <class Code, class Scale>
void check_ggml_codes(ggml_type type, matrix_view<std::uint8_t const> blocks, quantized_rows<Code, Scale> const& q) {
  bool const packed = code_bytes<Code>(2) == 1;
  expects((type == ggml_type::q4_0) || (type == ggml_type::q8_0 && !packed),
          packed ? "packed codes are for blocks of Q4_0" : "codes are for blocks of Q4_0 and Q8_0", ", not of ",
          name_of(type));
  std::size_t const groups = q.scales.columns;
  check_shape("codes", q.codes, blocks.rows, code_bytes<Code>(32 * groups));
  check_shape("scales, one for 32 columns,", q.scales, blocks.rows, groups);
  check_shape("blocks", blocks, blocks.rows, groups * layout_of(type).bytes);
  expects(q.zero_points.data == nullptr, "blocks of ", name_of(type), " have no zero points");
}

}  // namespace detail

/// Reads blocks as they are stored in ggml's caches and files, without decoding them: codes, and their scales as floats.
///   Q4_0   codes -8 … 7: the low nibbles of a block's 16 bytes are its first 16 columns, the high ones the other 16
///   Q8_0   codes -128 … 127, a byte each
/// @param blocks (m x columns / 32 blocks) bytes   @param out (m x columns) codes, one a byte, or packed as pack() has them (Q4_0): the even
/// column in the low nibble; scales (m x columns / 32), no zero points: what int4_scheme{true, 32} and int8_scheme{32} write
/// Complexity: linear, no allocation.   Throws: std::invalid_argument on shape, or for another type.   Source: ggml's block formats.
template <class Code>
void read_ggml_codes(ggml_type type, matrix_view<std::uint8_t const> blocks, quantized_rows<Code, float> const& out) {
  detail::check_ggml_codes(type, blocks, out);
  std::size_t const bytes = layout_of(type).bytes;
  for (std::size_t i = 0; i < blocks.rows; ++i) {
    for (std::size_t g = 0; g < out.scales.columns; ++g) {
      std::uint8_t const* const block = blocks.row(i) + g * bytes;
      out.scales(i, g) = detail::ggml_half(block);
      std::int8_t codes[32];
      if (type == ggml_type::q8_0) {
        std::memcpy(codes, block + 2, 32);
      } else {
        detail::decode_ggml_nibbles(block + 2, codes,
                                    [](int code, std::size_t) { return static_cast<std::int8_t>(code - 8); });
      }
      if constexpr (std::is_same_v<Code, std::uint8_t>) {
        for (std::size_t b = 0; b < 16; ++b) {
          out.codes(i, 16 * g + b) = pack_int4(codes[2 * b], codes[2 * b + 1]);
        }
      } else {
        std::memcpy(out.codes.row(i) + 32 * g, codes, 32);
      }
    }
  }
}

/// Writes codes as blocks of Q4_0 or Q8_0: the other way of read_ggml_codes().
/// @param blocks (m x columns / 32 blocks) bytes
/// Throws: std::invalid_argument on shape, for another type, and naming row, group and scale for one that half does not hold: quantize
/// with scales that are rounded to it (float16_scale). Blocks before it are written.
template <class Code>
void write_ggml_codes(ggml_type type, quantized_rows<Code, float const> const& q, matrix_view<std::uint8_t> blocks) {
  detail::check_ggml_codes(type, matrix_view<std::uint8_t const>(blocks), q);
  std::size_t const bytes = layout_of(type).bytes;
  for (std::size_t i = 0; i < blocks.rows; ++i) {
    for (std::size_t g = 0; g < q.scales.columns; ++g) {
      float const scale = q.scales(i, g);
      expects(detail::is_half(scale), "row ", i, ", group ", g, ": half does not hold the scale ", scale,
              ": quantize with scales that are rounded to it");
      std::uint8_t* const block = blocks.row(i) + g * bytes;
      if (type == ggml_type::q4_0) {
        detail::put_q4_0_codes(q.codes.row(i), 32 * g, scale, block);
      } else {
        detail::put_ggml_half(block, scale);
        std::memcpy(block + 2, q.codes.row(i) + 32 * g, 32);
      }
    }
  }
}

}  // namespace dfrot
