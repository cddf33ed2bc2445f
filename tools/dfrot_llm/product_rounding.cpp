#include "product_rounding.hpp"

#include <dfrot/cpu.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <dfrot/quantize/tensor_scale.hpp>

#include "packed_weight.hpp"

namespace dfrot::program {

namespace {

/// Values of 4 bits in blocks, whose scales the format makes itself.
template <class Scheme>
matrix<float> round_blocks(int threads, bool with_gptq, Scheme const& of_any, matrix_view<float const> gram,
                           matrix_view<float const> w) {
  cpu::policy const on{threads};
  Scheme const scheme = for_tensor(of_any, w);
  matrix<float> values(w.rows, w.columns);
  if (!with_gptq) {
    fake_quantize(on, scheme, w, values.view());
    return values;
  }
  matrix<std::uint8_t> codes(w.rows, packed_columns(w.columns));
  using scale_type = typename Scheme::template scale_type<float>;
  matrix<scale_type> scales(w.rows, group_count(scheme, w.columns));
  quantized_rows<std::uint8_t, scale_type> const out{codes.view(), scales.view(), {}};
  static_cast<void>(gptq(on, scheme, w, gptq_factor<float>(on, gram), out));
  dequantize(on, scheme, out, values.view());
  return values;
}

}  // namespace

double product_rounding::bits_per_weight(std::size_t n) const {
  if (weight_bits != 4) {
    return weight_bits;
  }
  switch (format) {
    case number_format::mxfp4:
      return 4 + 8.0 / 32;
    case number_format::nvfp4:
      return 4 + 8.0 / 16;
    default:
      return 4 + 16.0 / static_cast<double>(group == 0 ? n : group);
  }
}

void round_tokens(product_rounding const& how, matrix_view<float> rows) {
  matrix_view<float const> const read = rows;
  if (how.token_bits == 4 && how.format == number_format::mxfp4) {
    fake_quantize(cpu::policy{1}, mxfp4{}, read, rows);
  } else if (how.token_bits == 4 && how.format == number_format::nvfp4) {
    fake_quantize(cpu::policy{1}, for_tensor(nvfp4{}, read), read, rows);
  } else {
    round_rows({how.token_bits, true, how.range, 0}, rows);
  }
}

matrix<float> round_weight(int threads, product_rounding const& how, matrix_view<float const> gram,
                           matrix_view<float const> w) {
  matrix<float> values(w.rows, w.columns);
  if (how.weight_bits != 4) {
    for (std::size_t i = 0; i < w.rows; ++i) {
      std::copy_n(w.row(i), w.columns, values.view().row(i));
    }
    return values;
  }
  if (how.format == number_format::mxfp4) {
    return round_blocks(threads, how.gptq, mxfp4{}, gram, w);
  }
  if (how.format == number_format::nvfp4) {
    return round_blocks(threads, how.gptq, nvfp4{}, gram, w);
  }
  rounding const as_codes{4, true, scale_range::searched, how.group};
  packed_weight const packed =
      how.gptq ? round_by_gptq(threads, as_codes, site_sums(threads, gram), w) : round_to_nearest(threads, as_codes, w);
  packed.values(threads, values.view());
  return values;
}

}  // namespace dfrot::program
