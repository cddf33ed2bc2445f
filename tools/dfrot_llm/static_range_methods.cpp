#include <dfrot/loss/token_clip.hpp>
#include <dfrot/optimize/search/output_error.hpp>
#include <dfrot/quantize/static_range.hpp>
#include <dfrot/transform/channel_scale.hpp>

#include "through_map.hpp"

namespace dfrot::program {

namespace {

/// Static scales for the channels of tokens: none is read for its range.
prepared_linear with_static_scales(linear_case const& of) {
  std::vector<double> const ones(of.weight.columns, 1.0);
  channel_scale const scale = smoothing(view_of(of.token_maxima), view_of(ones), 1);
  prepared_linear made = through_map(of, scale, static_cast<double>(of.weight.columns));
  made.round = [](matrix_view<float> rows) {
    matrix_view<float const> const read = rows;
    fake_quantize(cpu::policy{1}, int4_static{.range = {1.0F / 7}}, read, rows);
  };
  return made;
}

/// One scale for all tokens, of the range that holds the best share of them; what lies beyond is clipped.
prepared_linear with_clipped_tokens(linear_case const& of) {
  cpu::policy const on{of.threads};
  prepared_linear made;
  made.weight = round_weight(of.threads, of.rounding, of.gram, of.weight);
  made.bits_per_weight = of.rounding.bits_per_weight(of.weight.columns);
  auto const round_to = [](clip_range const& range, matrix_view<float> rows) {
    auto const reach = static_cast<float>(std::max({std::fabs(range.low), std::fabs(range.high), 1e-30}));
    matrix_view<float const> const read = rows;
    fake_quantize(cpu::policy{1}, int4_static{.range = {reach / 7}}, read, rows);
  };
  token_extremes extremes;
  extremes.add(on, of.tokens);
  auto const found = search_token_clip(extremes, 0.03, 0.1, [&](clip_range const& range) {
    matrix<float> now = copy_of(of.tokens);
    round_to(range, now.view());
    return sample_output_error(on, of.tokens, of.weight, std::as_const(now).view(),
                               matrix_view<float const>(made.weight.view()));
  });
  made.round = [round_to, range = found.range](matrix_view<float> rows) { round_to(range, rows); };
  return made;
}

}  // namespace

std::vector<linear_method> static_range_methods() {
  auto const needs_int4 = [](product_rounding const& how) {
    return how.format == number_format::int4 && how.token_bits == 4 ? std::string()
                                                                    : std::string("it is for tokens in int4");
  };
  return {
      {"outliertune", "x diag(1 / s), static scales", "OutlierTune, arXiv 2406.18832", with_static_scales, needs_int4},
      {"token-clip", "x clipped to the best share of tokens, one static scale", "Outlier Suppression, arXiv 2209.13325",
       with_clipped_tokens, needs_int4},
  };
}

}  // namespace dfrot::program
