#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/e8m0.hpp>
#include <dfrot/io/ggml_codes.hpp>
#include <dfrot/io/ggml_encode.hpp>
#include <dfrot/io/ggml_type.hpp>
#include <dfrot/io/gguf_writer.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot {

/// Writes the next rows of a tensor from codes, exactly: what a reader decodes is what dequantize() gives.
///   Q4_0    signed codes (s4) in groups of 32, without zero points; scales that half holds. q = code + 8, d = scale
///   MXFP4   codes of `mxfp4`, with e8m0 scales
/// @param file where the tensor was added as one of these   @param name of the tensor whose turn it is
/// @param q m rows of codes, packed or one a byte, and m x columns / 32 scales
/// Throws: std::invalid_argument naming tensor, row, group and scale for one that half does not hold: quantize with scales that
/// are rounded to it; on shape; for zero points; for another type. io_error as gguf_writer.
template <class Code, class Scale>
void write_gguf_codes(gguf_writer& file, std::string_view name, quantized_rows<Code, Scale> const& q) {
  constexpr bool is_mx = std::is_same_v<std::remove_const_t<Scale>, e8m0>;
  gguf_tensor const& tensor = file.next_tensor();
  expects(tensor.type == (is_mx ? ggml_type::mx_fp4 : ggml_type::q4_0), "the tensor ", name, " is of ",
          name_of(tensor.type), "; codes with these scales are ", is_mx ? "MXFP4" : "Q4_0");
  expects(q.zero_points.data == nullptr, "the tensor ", name, ": codes with zero points are not Q4_0: quantize them ",
          "symmetrically");
  std::size_t const groups = tensor.columns() / 32;
  check_shape("codes", q.codes, q.codes.rows, code_bytes<Code>(tensor.columns()));
  check_shape("scales, one for 32 columns,", q.scales, q.codes.rows, groups);
  std::size_t const block_bytes = layout_of(tensor.type).bytes;
  file.write_encoded_rows(name, q.codes.rows, [&](std::size_t i, std::uint8_t* to) {
    for (std::size_t g = 0; g < groups; ++g, to += block_bytes) {
      if constexpr (is_mx) {
        expects(q.scales(i, g).bits != 255, "tensor ", name, ", row ", i, ", group ", g,
                " of these rows (counted from 0) has a scale that is NaN");
        to[0] = q.scales(i, g).bits;
        detail::encode_ggml_nibbles(to + 1,
                                    [&](std::size_t j) { return detail::stored_nibble(q.codes.row(i), g * 32 + j); });
      } else {
        auto const scale = load(q.scales(i, g));
        expects(detail::is_half(scale), "tensor ", name, ", row ", i, ", group ", g,
                " of these rows (counted from 0): half does not hold the scale ", scale,
                ": quantize with scales that are rounded to it");
        detail::put_q4_0_codes(q.codes.row(i), g * 32, static_cast<float>(scale), to);
      }
    }
  });
}

}  // namespace dfrot
