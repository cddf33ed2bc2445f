#include "packed_weight.hpp"

#include <algorithm>
#include <type_traits>

#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/format/rounded_scale.hpp>
#include <dfrot/optimize/gptq/gptq.hpp>
#include <dfrot/optimize/gptq/search_clip.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/range_rule.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::program {

namespace {

constexpr clip_options clip_ratios = {41, 0.5F, 2};

gptq_options options_of_gptq() {
  gptq_options chosen;
  chosen.or_nearest = true;
  chosen.scales = gptq_scales::given;
  return chosen;
}

std::vector<float> diagonal_of(matrix_view<float const> sums) {
  std::vector<float> values(sums.rows);
  for (std::size_t i = 0; i < sums.rows; ++i) {
    values[i] = sums(i, i);
  }
  return values;
}

/// Makes codes under a scheme: with(scheme, out) writes them. Scales of 16 bits are kept as the floats that they are.
template <class Scheme, class With>
packed_weight made_with(Scheme const& scheme, matrix_view<float const> w, With const& with) {
  using Scale = typename Scheme::template scale_type<float>;
  packed_weight to(w.rows, w.columns, scheme.group);
  if constexpr (std::is_same_v<Scale, float>) {
    with(scheme, quantized_rows<std::uint8_t, float>{to.codes.view(), to.scales.view(), {}});
  } else {
    matrix<Scale> scales(to.scales.rows(), to.scales.columns());
    with(scheme, quantized_rows<std::uint8_t, Scale>{to.codes.view(), scales.view(), {}});
    std::transform(scales.data(), scales.data() + scales.rows() * scales.columns(), to.scales.data(),
                   [](Scale scale) { return load(scale); });
  }
  return to;
}

/// Codes -8 ... 7 with scales of a storage.
template <class Storage, class Range, class With>
packed_weight made_in(rounding const& how, matrix_view<float const> w, With const& with) {
  return made_with(block_scheme<s4, Storage, Range>{how.group}, w, with);
}

template <class Storage, class With>
packed_weight made_in(rounding const& how, scale_range range, matrix_view<float const> w, With const& with) {
  if constexpr (std::is_same_v<Storage, float16_scale>) {  // what Q4_0 holds
    switch (range) {
      case scale_range::signed_range:
        return made_in<Storage, signed_range>(how, w, with);
      case scale_range::signed_or_largest:
        return made_in<Storage, signed_or_max_range>(how, w, with);
      case scale_range::searched_signed:
        return made_in<Storage, searched_range<signed_or_max_range>>(how, w, with);
      default:
        break;
    }
  }
  return range == scale_range::searched ? made_in<Storage, searched_range<max_range>>(how, w, with)
                                        : made_in<Storage, max_range>(how, w, with);
}

template <class With>
packed_weight made(rounding const& how, scale_range range, matrix_view<float const> w, With const& with) {
  expects(how.scales == scale_number::float16 || range == scale_range::largest || range == scale_range::searched,
          "scales of weights that have a sign are kept in half precision");
  switch (how.scales) {
    case scale_number::float16:
      return made_in<float16_scale>(how, range, w, with);
    case scale_number::bfloat16:
      return made_in<bfloat16_scale>(how, range, w, with);
    case scale_number::float32:
      break;
  }
  return made_with(
      int4_scheme{true, how.group, 1.0F, range == scale_range::searched ? scale_rule::search : scale_rule::max}, w,
      with);
}

/// GPTQ searches clip ratios itself.
scale_range unsearched(scale_range range) {
  return range == scale_range::signed_range || range == scale_range::searched_signed ? scale_range::signed_or_largest
                                                                                     : scale_range::largest;
}

}  // namespace

packed_weight::packed_weight(std::size_t outputs, std::size_t inputs_of_it, std::size_t group_of_it)
    : inputs(inputs_of_it),
      group(group_of_it),
      codes(outputs, packed_columns(inputs)),
      scales(outputs, group_count(scheme(), inputs)) {}

void packed_weight::values(int threads, matrix_view<float> w) const {
  dequantize(cpu::policy{threads}, scheme(),
             quantized_rows<std::uint8_t const, float const>{codes.view(), scales.view(), {}}, w);
}

packed_weight round_to_nearest(int threads, rounding const& how, matrix_view<float const> w) {
  return made(how, how.range, w,
              [&](auto const& scheme, auto const& out) { quantize(cpu::policy{threads}, scheme, w, out); });
}

site_sums::site_sums(int threads, matrix_view<float const> sums)
    : diagonal(diagonal_of(sums)), factor(cpu::policy{threads}, sums, options_of_gptq()) {}

packed_weight round_by_gptq(int threads, rounding const& how, site_sums const& of, matrix_view<float const> w) {
  cpu::policy const on{threads};
  return made(how, unsearched(how.range), w, [&](auto const& scheme, auto const& out) {
    static_cast<void>(
        search_clip(on, scheme, w, vector_view<float const>(of.diagonal.data(), of.diagonal.size()), clip_ratios, out));
    static_cast<void>(gptq(on, scheme, w, of.factor, out));
  });
}

}  // namespace dfrot::program
