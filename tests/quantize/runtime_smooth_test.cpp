// Runtime smoothing: its order and maxima, the law of its product, what depends on the tokens at hand, and that nothing is allocated.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/backend/reference/rotate_quantize.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/reorder_codes.hpp>
#include <dfrot/quantize/runtime_smooth.hpp>
#include <limits>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/counted_allocations.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/layer_law.hpp"

using namespace dfrot;
using dfrot::test::allocations;
using dfrot::test::change_of_layer;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

constexpr reference::policy on{};

/// Everything that one layer needs, for the most tokens of a call.
template <class Scheme>
struct layer {
  Scheme scheme;
  std::size_t n, outputs;
  runtime_smooth smooth;
  std::vector<float> room;
  matrix<std::uint8_t> codes, weights, ordered;
  matrix<float> scales, weight_scales;
  matrix<std::int8_t> zeros;
  std::vector<std::uint8_t> repacked;
  std::vector<std::byte> workspace;

  layer(Scheme chosen, std::size_t rows, matrix<float> const& w)
      : scheme(chosen),
        n(w.columns()),
        outputs(w.rows()),
        smooth(n, chosen.group),
        room(rotate_quantize_workspace_size(on, smooth)),
        codes(rows, packed_columns(n)),
        weights(outputs, packed_columns(n)),
        ordered(outputs, packed_columns(n)),
        scales(rows, group_count(scheme, n)),
        weight_scales(outputs, 1),
        zeros(rows, group_count(scheme, n)),
        repacked(repacked_weights_size(on, outputs, n)),
        workspace(gemm_workspace_size(on, scheme, int4{}, rows, n)) {
    quantize(on, int4{}, w.view(), quantized_rows<std::uint8_t, float>{weights.view(), weight_scales.view(), {}});
  }

  [[nodiscard]] quantized_rows<std::uint8_t, float> tokens() { return {codes.view(), scales.view(), zeros.view()}; }

  void multiply(matrix_view<float const> x, matrix_view<float> y) {
    // [call]
    smooth.measure(on, x);
    quantize_smoothed(on, scheme, smooth, x, tokens(), {room.data(), room.size()});
    reorder_codes(on, smooth.order(), weights.view(), ordered.view());
    auto const w = repack_weights(on, ordered.view(), n, vector_view<std::uint8_t>(repacked.data(), repacked.size()));
    gemm(on, scheme, tokens(), scaled_weights<reference::policy, int4>{w, weight_scales.view(), int4{}}, y,
         vector_view<std::byte>(workspace.data(), workspace.size()));
    // [call]
  }

  /// What the tokens' codes stand for, channels in their own order.
  matrix<float> values() {
    matrix<float> ordered_values(codes.rows(), n);
    dequantize(on, scheme, tokens(), ordered_values.view());
    matrix<float> result(codes.rows(), n);
    for (std::size_t i = 0; i < codes.rows(); ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        result(i, smooth.order()[j]) = ordered_values(i, j);
      }
    }
    return result;
  }
};

/// Gaussian tokens with one channel 50 times as large.
matrix<float> tokens_with_outlier(std::size_t rows, std::size_t n) {
  auto x = gaussian_matrix<float>(rows, n, 20);
  for (std::size_t i = 0; i < rows; ++i) {
    x(i, 4) *= 50;
  }
  return x;
}

}  // namespace

TEST_CASE("runtime smooth orders channels by their maxima", "[rrs]") {
  std::size_t const n = 10;
  matrix<float> x(2, n);
  float const sizes[] = {1, 5, 0, 2, 5, 9, 0, 3, 0, 0};
  for (std::size_t j = 0; j < n; ++j) {
    x(j % 2, j) = j % 3 == 0 ? -sizes[j] : sizes[j];
  }
  runtime_smooth smooth(n, 4);
  smooth.measure(on, x.view());
  std::vector<std::uint32_t> const order(smooth.order().begin(), smooth.order().end());
  CHECK(order == std::vector<std::uint32_t>{5, 1, 4, 7, 3, 0, 2, 6, 8, 9});
  std::vector<float> const maxima(smooth.maxima().begin(), smooth.maxima().end());
  CHECK(maxima == std::vector<float>{9, 2, 1});  // the last group is shorter, and all zero

  auto const w = gaussian_matrix<float>(3, n, 2);
  CHECK(change_of_layer(on, smooth, x, w) < 1e-5);
  CHECK(change_of_layer(on, smooth, gaussian_matrix<float>(4, n, 3), w) < 1e-5);
  matrix<double> there(n, n);
  to_dense(on, smooth, there.view());
  CHECK(std::abs(there(5, 0) - 1.0 / 9) < 1e-15);

  smooth.measure(on, matrix<float>(0, n).view());  // no tokens
  for (std::size_t j = 0; j < n; ++j) {
    CHECK(smooth.order()[j] == j);
  }
  CHECK(smooth.maxima()[0] == 1);
  CHECK(runtime_smooth(3, 100).group() == 3);
  CHECK_THROWS_WITH(runtime_smooth(3, 0), contains_text("groups of 0 channels"));
}

TEMPLATE_TEST_CASE("a smoothed product is that of the rounded operands", "[rrs]", int4, int4_asymmetric) {
  for (std::size_t const n : {std::size_t{64}, std::size_t{75}}) {
    auto const x = tokens_with_outlier(5, n);
    auto const w = gaussian_matrix<float>(6, n, 21);
    layer<TestType> one(TestType{16}, 5, w);
    matrix<float> y(5, 6);
    one.multiply(x.view(), y.view());
    // Every value is within half a step of its token and group.
    auto const values = one.values();
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        float const step = one.scales(i, j / 16);
        std::size_t const channel = one.smooth.order()[j];
        REQUIRE(std::abs(values(i, channel) - x(i, channel)) <= 0.5001F * step);
        // and that step is S_g times the largest |x / S| of the token over 7 (over 15 for the range)
        REQUIRE(std::abs(step / one.smooth.maxima()[j / 16] - one.scales(i, 0) / one.smooth.maxima()[0]) < 1e-6F);
      }
    }
    matrix<float> rounded(6, n);
    fake_quantize(on, int4{}, w.view(), rounded.view());
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t o = 0; o < 6; ++o) {
        double sum = 0;
        double size = 0;
        for (std::size_t j = 0; j < n; ++j) {
          double const term = static_cast<double>(values(i, j)) * static_cast<double>(rounded(o, j));
          sum += term;
          size += std::abs(term);
        }
        REQUIRE(std::abs(static_cast<double>(y(i, o)) - sum) < 1e-6 * size);
      }
    }
  }
}

TEST_CASE("a smoothed product does not depend on the order of channels", "[rrs]") {
  std::size_t const n = 48;
  auto const x = tokens_with_outlier(4, n);
  auto const w = gaussian_matrix<float>(5, n, 22);
  matrix<float> x_back(4, n);
  matrix<float> w_back(5, n);
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i < 4; ++i) {
      x_back(i, j) = x(i, (j * 7 + 3) % n);
    }
    for (std::size_t o = 0; o < 5; ++o) {
      w_back(o, j) = w(o, (j * 7 + 3) % n);
    }
  }
  matrix<float> y(4, 5);
  matrix<float> y_back(4, 5);
  layer<int4>(int4{16}, 4, w).multiply(x.view(), y.view());
  layer<int4>(int4{16}, 4, w_back).multiply(x_back.view(), y_back.view());
  CHECK(same_bytes(y, y_back));
}

TEST_CASE("smaller groups keep an outlier channel from the others", "[rrs]") {
  std::size_t const n = 256;
  auto const x = tokens_with_outlier(16, n);
  auto const w = gaussian_matrix<float>(2, n, 23);
  matrix<float> y(16, 2);
  std::vector<double> errors;
  for (std::size_t const group : {std::size_t{1}, std::size_t{32}, n}) {
    layer<int4> one(int4{group}, 16, w);
    one.multiply(x.view(), y.view());
    auto const values = one.values();
    double error = 0;
    for (std::size_t i = 0; i < 16; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double const gap = static_cast<double>(values(i, j)) - static_cast<double>(x(i, j));
        error += j == 4 ? 0 : gap * gap;
      }
    }
    errors.push_back(error);
  }
  CHECK(errors[0] < errors[1]);
  CHECK(errors[1] < errors[2]);

  // A group of the whole row smooths nothing; one token in groups of one channel is exact, but for the rounding of its scales.
  layer<int4> alone(int4{1}, 1, w);
  alone.multiply(x.view().row_block(3, 1), y.view().row_block(0, 1));
  auto const exact = alone.values();
  for (std::size_t j = 0; j < n; ++j) {
    CHECK(std::abs(exact(0, j) - x(3, j)) <= 1e-6F * std::abs(x(3, j)));
  }
}

TEST_CASE("runtime smooth allocates nothing after it was made, and takes tokens of zeros", "[rrs]") {
  std::size_t const n = 33;
  auto x = gaussian_matrix<float>(6, n, 24);
  std::fill_n(&x(2, 0), n, 0.0F);
  layer<int4> one(int4{8}, 6, gaussian_matrix<float>(4, n, 25));
  matrix<float> y(6, 4);
  std::size_t const before = allocations;
  one.multiply(x.view(), y.view());
  CHECK(allocations == before);
#if DFROT_TEST_COUNTS_ALLOCATIONS
  matrix<float> const counted(2, 2);
  CHECK(allocations > before);
#endif
  for (std::size_t o = 0; o < 4; ++o) {
    CHECK(y(2, o) == 0);
  }

  x(4, 9) = std::numeric_limits<float>::quiet_NaN();
  std::vector<std::uint32_t> const order(one.smooth.order().begin(), one.smooth.order().end());
  CHECK_THROWS_WITH(one.smooth.measure(on, x.view()), contains_text("row 4, column 9"));
  CHECK(std::equal(order.begin(), order.end(), one.smooth.order().begin()));
  CHECK_THROWS_WITH(
      quantize_smoothed(on, one.scheme, one.smooth, x.view(), one.tokens(), {one.room.data(), one.room.size()}),
      contains_text("row 4, column 9"));
  CHECK_THROWS_WITH(
      quantize_smoothed(on, int4{4}, one.smooth, x.view(), one.tokens(), {one.room.data(), one.room.size()}),
      contains_text("groups of 4 channels for a runtime smooth with groups of 8"));
}

TEST_CASE("reordered codes are the codes of reordered channels", "[rrs]") {
  std::vector<std::uint32_t> const order{4, 0, 3, 1, 2};
  matrix<std::uint8_t> codes(2, 3);
  std::uint8_t const bytes[] = {0x10, 0x32, 0x04, 0x98, 0xba, 0x0c};
  std::copy(bytes, bytes + 6, codes.data());
  matrix<std::uint8_t> out(2, 3);
  reorder_codes(on, {order.data(), 5}, codes.view(), out.view());
  std::uint8_t const expected[] = {0x04, 0x13, 0x02, 0x8c, 0x9b, 0x0a};
  CHECK(std::equal(expected, expected + 6, out.data()));
  CHECK_THROWS_WITH(reorder_codes(on, {order.data(), 4}, codes.view(), out.view()), contains_text("expected 2 x 2"));
}
