// AdaDim, OutlierTune and Outlier Suppression: what they choose is never worse than what they choose from, and what they move from
// activations to weights changes no layer.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/loss/channel_stats.hpp>
#include <dfrot/loss/token_clip.hpp>
#include <dfrot/optimize/gptq/adadim.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/static_range.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <dfrot/transform/channel_shift.hpp>
#include <dfrot/transform/gain_migration.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/layer_law.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

constexpr reference::policy on{};

vector_view<double const> view(std::vector<double> const& values) { return {values.data(), values.size()}; }

double squared_distance(matrix<float> const& a, matrix_view<float const> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t j = 0; j < a.columns(); ++j) {
      double const gap = static_cast<double>(a(i, j)) - static_cast<double>(b(i, j));
      sum += gap * gap;
    }
  }
  return sum;
}

/// x W^T + b, in double.
template <class Value>
matrix<double> layer(matrix<Value> const& x, matrix<float> const& w, std::vector<float> const& bias) {
  matrix<double> y(x.rows(), w.rows());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t o = 0; o < w.rows(); ++o) {
      y(i, o) = static_cast<double>(bias[o]);
      for (std::size_t j = 0; j < x.columns(); ++j) {
        y(i, o) += static_cast<double>(x(i, j)) * static_cast<double>(w(o, j));
      }
    }
  }
  return y;
}

double largest_gap(matrix<double> const& a, matrix<double> const& b) {
  double largest = 0;
  for (std::size_t k = 0; k < a.rows() * a.columns(); ++k) {
    largest = std::max(largest, std::abs(a.data()[k] - b.data()[k]));
  }
  return largest;
}

}  // namespace

TEMPLATE_TEST_CASE("AdaDim is the better of both layouts", "[adadim]", int4_asymmetric, mxfp4) {
  TestType scheme;
  scheme.group = 8;
  auto const x = gaussian_matrix<float>(40, 20, 30);
  for (bool const outlier_input : {false, true}) {
    auto w = gaussian_matrix<float>(13, 20, 31);  // neither side is a multiple of the group
    for (std::size_t k = 0; k < (outlier_input ? w.rows() : w.columns()); ++k) {
      (outlier_input ? w(k, 5) : w(5, k)) = 48;  // which a group of its own represents exactly
    }
    matrix<float> rows(13, 20);
    matrix<float> columns(13, 20);
    fake_quantize(on, scheme, w.view(), rows.view());
    fake_quantize_along_outputs(on, scheme, w.view(), columns.view());
    matrix<float> best(13, 20);
    auto const error_of_output = [&](matrix_view<float const> q) {
      double sum = 0;
      for (std::size_t i = 0; i < x.rows(); ++i) {
        for (std::size_t o = 0; o < w.rows(); ++o) {
          double gap = 0;
          for (std::size_t j = 0; j < 20; ++j) {
            gap += static_cast<double>(x(i, j)) * (static_cast<double>(w(o, j)) - static_cast<double>(q(o, j)));
          }
          sum += gap * gap;
        }
      }
      return sum;
    };
    auto const choice = adadim(on, scheme, w.view(), error_of_output, best.view());
    CHECK(choice.along_inputs == error_of_output(rows.view()));
    CHECK(choice.along_outputs == error_of_output(columns.view()));
    CHECK(error_of_output(best.view()) == std::min(choice.along_inputs, choice.along_outputs));
    CHECK((choice.layout == group_layout::along_outputs) == outlier_input);
    CHECK(same_bytes(best, outlier_input ? columns : rows));
  }
  // Groups of one column are those of its transpose.
  auto const w = gaussian_matrix<float>(8, 3, 32);
  matrix<float> there(8, 3);
  fake_quantize_along_outputs(on, scheme, w.view(), there.view());
  for (std::size_t j = 0; j < 3; ++j) {
    matrix<float> column(1, 8);
    for (std::size_t o = 0; o < 8; ++o) {
      column(0, o) = w(o, j);
    }
    fake_quantize(on, scheme, column.view(), column.view());
    for (std::size_t o = 0; o < 8; ++o) {
      CHECK(there(o, j) == column(0, o));
    }
  }
}

TEST_CASE("AdaDim of ties, nothing, one output and NaN", "[adadim]") {
  auto const no_loss = [](matrix_view<float const>) { return 1.0; };
  matrix<float> const zeros(4, 6);
  matrix<float> out(4, 6);
  CHECK(adadim(on, int4{}, zeros.view(), no_loss, out.view()).layout == group_layout::along_inputs);
  CHECK(same_bytes(out, zeros));
  matrix<float> none(0, 6);
  CHECK(adadim(on, int4{}, none.view(), no_loss, none.view()).layout == group_layout::along_inputs);
  auto const one = gaussian_matrix<float>(1, 6, 1);  // one output: every value has a scale of its own
  matrix<float> exact(1, 6);
  fake_quantize_along_outputs(on, int4{}, one.view(), exact.view());
  CHECK(squared_distance(one, exact.view()) < 1e-12);
  auto w = gaussian_matrix<float>(4, 6, 1);
  w(3, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(adadim(on, int4{}, w.view(), no_loss, out.view()), contains_text("row 3, column 2"));
  CHECK_THROWS_WITH(fake_quantize_along_outputs(on, int4{}, w.view(), out.view()), contains_text("row 3, column 2"));
}

TEST_CASE("a shift and static scales leave the layer as it is, and the range symmetric", "[outliertune]") {
  std::size_t const n = 24;
  std::size_t const outputs = 7;
  auto x = gaussian_matrix<float>(30, n, 40);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    x(i, 3) = 100 + x(i, 3);
    x(i, 9) = 20 * x(i, 9) - 5;
    x(i, 11) = 0;
  }
  auto w = gaussian_matrix<float>(outputs, n, 41);
  std::vector<float> bias(outputs, 0.5F);
  auto const before = layer(x, w, bias);

  channel_stats tokens(n);
  tokens.add(on, x.view());
  auto const shift = tokens.middle();
  add_shift_to_bias(on, view(shift), w.view(), vector_view<float>(bias.data(), outputs));
  subtract_shift(on, view(shift), x.view());
  CHECK(largest_gap(before, layer(x, w, bias)) < 1e-5 * 500);

  channel_stats centred(n);
  centred.add(on, x.view());
  for (std::size_t j = 0; j < n; ++j) {
    CHECK(std::abs(centred.minimum()[j] + centred.maximum()[j]) < 1e-5);
  }
  auto const scale = smoothing(view(centred.absmax()), view(std::vector<double>(n, 1.0)), 1);
  CHECK(test::change_of_layer(on, scale, x, w) < 1e-5);
  apply(on, scale, x.view());
  apply_to_weight(on, scale, w.view());
  CHECK(largest_gap(before, layer(x, w, bias)) < 2e-5 * 500);

  // One number is the scale of all activations: the product of codes is that of the rounded operands.
  int4_static const unit{.range = {1.0F / 7}};
  matrix<std::uint8_t> codes(30, n / 2);
  matrix<float> scales(30, 1);
  quantize(on, unit, x.view(), quantized_rows<std::uint8_t, float>{codes.view(), scales.view(), {}});
  for (std::size_t i = 0; i < 30; ++i) {
    CHECK(scales(i, 0) == 1.0F / 7);
  }
  matrix<float> rounded(30, n);
  fake_quantize(on, unit, x.view(), rounded.view());
  for (std::size_t k = 0; k < 30 * n; ++k) {
    REQUIRE(std::abs(rounded.data()[k] - x.data()[k]) <= 1.0F / 14 * 1.0001F);
  }
  matrix<float> beyond(1, 4);
  float const far[] = {50, -50, 1e30F, -1e30F};
  std::copy(far, far + 4, beyond.data());
  fake_quantize(on, unit, beyond.view(), beyond.view());
  CHECK(beyond(0, 0) == 1);
  CHECK(beyond(0, 3) == -8.0F / 7);
  CHECK(beyond(0, 2) == 1);

  CHECK_THROWS_WITH(subtract_shift(on, view(std::vector<double>(3)), x.view()), contains_text("a shift of 3 channels"));
  std::vector<double> bad(n);
  bad[2] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(subtract_shift(on, view(bad), x.view()), contains_text("the shift of channel 2"));
  CHECK_THROWS_WITH(add_shift_to_bias(on, view(shift), w.view(), vector_view<float>(bias.data(), 2)),
                    contains_text("a bias of 2 values for a weight of 7 outputs"));
}

TEST_CASE("a migrated gain leaves the layer as it is", "[suppression]") {
  std::size_t const n = 10;
  auto const normalized = gaussian_matrix<float>(6, n, 50);
  auto gain = gaussian_matrix<float>(1, n, 51);
  auto shift = gaussian_matrix<float>(1, n, 52);
  gain(0, 4) = 0;
  gain(0, 7) = 300;
  auto const with = [&](matrix<float> const& g, matrix<float> const& h) {
    matrix<double> x(6, n);
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        x(i, j) = static_cast<double>(normalized(i, j)) * static_cast<double>(g(0, j)) + static_cast<double>(h(0, j));
      }
    }
    return x;
  };
  auto w = gaussian_matrix<float>(5, n, 53);
  std::vector<float> bias(5, 1.5F);
  auto const before = layer(with(gain, shift), w, bias);
  vector_view<float> const g(gain.data(), n);
  vector_view<float> const h(shift.data(), n);
  migrate_gain(on, g, h, w.view(), vector_view<float>(bias.data(), 5));
  migrate_shift(g, h);
  matrix<float> ones(1, n);
  std::fill_n(ones.data(), n, 1.0F);
  CHECK(largest_gap(before, layer(with(ones, shift), w, bias)) < 1e-5 * 300);
  CHECK(shift(0, 4) == 0);
  for (std::size_t o = 0; o < 5; ++o) {
    CHECK(w(o, 4) == 0);
  }
  shift(0, 1) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(migrate_shift(g, h), contains_text("channel 1 of the norm"));
}

TEST_CASE("token-wise clipping drops the tokens with the largest extremes", "[suppression]") {
  auto x = gaussian_matrix<float>(50, 16, 60);
  x(17, 3) = 900;
  x(30, 5) = -400;
  token_extremes extremes;
  extremes.add(on, x.view().row_block(0, 20));
  token_extremes rest;
  rest.add(on, x.view().row_block(20, 30));
  extremes.combine(rest);
  CHECK(extremes.tokens() == 50);
  CHECK(extremes.range(1).high == 900);
  CHECK(extremes.range(1).low == -400);
  auto const most = extremes.range(0.98);  // floor(0.98 * 49) = 48: all but one at either end
  CHECK(most.high < 10);
  CHECK(most.low > -10);
  clip_range before{0, 0};
  for (double const p : {0.0, 0.25, 0.5, 0.75, 0.98, 1.0}) {  // ranges only grow
    auto const range = extremes.range(p);
    CHECK((p == 0 || (range.low <= before.low && range.high >= before.high)));
    before = range;
  }

  // Clipped and rounded by one scale, the loss is never above that of min-max.
  auto const loss = [&](clip_range const& range) {
    auto y = x;
    clip_values(on, range, y.view());
    int4_static const scheme{.range = {static_cast<float>(std::max(-range.low, range.high)) / 7}};
    fake_quantize(on, scheme, y.view(), y.view());
    double sum = 0;  // the median token counts, not the two
    for (std::size_t i = 0; i < 50; ++i) {
      double error = 0;
      for (std::size_t j = 0; j < 16; ++j) {
        error += std::abs(static_cast<double>(x(i, j)) - static_cast<double>(y(i, j)));
      }
      sum += std::min(error, 20.0);
    }
    return sum;
  };
  auto const found = search_token_clip(extremes, 0.02, 0.1, loss);
  CHECK(found.loss == loss(found.range));
  CHECK(found.loss < 0.5 * loss(extremes.range(1)));
  CHECK(search_token_clip(extremes, 0.3, 1, loss).share == 1);  // one share alone

  token_extremes none;
  CHECK(none.range(0.5).high == 0);
  none.add(on, x.view().row_block(0, 0));
  CHECK(none.tokens() == 0);
  none.add(on, x.view().row_block(2, 1));
  CHECK(none.range(0).high == none.range(1).high);  // one token
  x(1, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(none.add(on, x.view()), contains_text("row 2, column 1"));
  CHECK(none.tokens() == 1);
  CHECK_THROWS_WITH(extremes.range(1.5), contains_text("a share of 1.5"));
}
