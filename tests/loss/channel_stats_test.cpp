// The range of each channel: any split and any order of the parts give the same bits, and what smoothing makes of it changes no layer.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/loss/channel_stats.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/layer_law.hpp"

using namespace dfrot;
using dfrot::test::change_of_layer;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

constexpr reference::policy on{};
struct two_threads {
  using memory_space = host_space;
  int threads = 2;
};

vector_view<double const> view(std::vector<double> const& values) { return {values.data(), values.size()}; }

}  // namespace

TEMPLATE_TEST_CASE("channel statistics are those of their definition", "[stats]", float, double, half, bfloat16) {
  std::size_t const n = 300;  // more than one block of columns
  auto const x = gaussian_matrix<TestType>(7, n, 1);
  channel_stats stats(n);
  stats.add(on, x.view().row_block(0, 3));
  stats.add(on, x.view().row_block(3, 4));
  CHECK(stats.tokens() == 7);
  CHECK(stats.samples() == 2);
  for (std::size_t j = 0; j < n; ++j) {
    std::vector<double> column(7);
    for (std::size_t i = 0; i < 7; ++i) {
      column[i] = static_cast<double>(load(x(i, j)));
    }
    auto const [low_1, high_1] = std::minmax_element(column.begin(), column.begin() + 3);
    auto const [low_2, high_2] = std::minmax_element(column.begin() + 3, column.end());
    REQUIRE(stats.minimum()[j] == std::min(*low_1, *low_2));
    REQUIRE(stats.maximum()[j] == std::max(*high_1, *high_2));
    REQUIRE(stats.absmax()[j] == std::max(-std::min(*low_1, *low_2), std::max(*high_1, *high_2)));
    REQUIRE(std::abs(stats.middle()[j] - (*low_1 + *high_1 + *low_2 + *high_2) / 4) < 1e-14);
  }
}

TEST_CASE("channel statistics do not depend on the split", "[stats]") {
  std::size_t const n = 600;
  auto const x = gaussian_matrix<float>(9, n, 2);
  channel_stats whole(n);
  whole.add(on, x.view());
  channel_stats parts(n);
  channel_stats last(n);
  last.add(two_threads{}, x.view().row_block(5, 4));
  parts.add(two_threads{}, x.view().row_block(0, 5));
  last.combine(parts);
  CHECK(last.minimum() == whole.minimum());
  CHECK(last.maximum() == whole.maximum());
  CHECK(last.absmax() == whole.absmax());
  CHECK(last.tokens() == whole.tokens());

  channel_stats const none(n);
  whole.combine(none);
  CHECK(last.minimum() == whole.minimum());
  CHECK(none.minimum() == std::vector<double>(n));
  CHECK(none.maximum() == std::vector<double>(n));
  CHECK(none.absmax() == std::vector<double>(n));
  CHECK(none.middle() == std::vector<double>(n));
  CHECK_THROWS_WITH(whole.combine(channel_stats(5)), contains_text("of 5 channels cannot be added to those of 600"));
}

TEST_CASE("no rows are no sample, one token is its own range, and NaN leaves everything as it was", "[stats]") {
  auto x = gaussian_matrix<float>(4, 3, 3);
  channel_stats stats(3);
  stats.add(on, x.view().row_block(0, 0));
  CHECK(stats.samples() == 0);
  stats.add(on, x.view().row_block(0, 1));
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(stats.middle()[j] == static_cast<double>(x(0, j)));
    CHECK(stats.absmax()[j] == std::abs(static_cast<double>(x(0, j))));
  }
  auto const before = stats.maximum();
  x(2, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(stats.add(on, x.view().row_block(1, 3)), contains_text("row 2, column 1 holds"));
  CHECK(stats.maximum() == before);
  CHECK(stats.tokens() == 1);
  CHECK_THROWS_WITH(stats.add(on, gaussian_matrix<float>(2, 4, 1).view()), contains_text("expected 2 x 3"));
}

TEST_CASE("smoothing by channel statistics keeps the layer and evens channels out", "[stats]") {
  std::size_t const n = 96;
  auto x = gaussian_matrix<float>(20, n, 4);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    x(i, 5) *= 60;
    x(i, 7) = 0;  // a channel that is never used
  }
  auto const w = gaussian_matrix<float>(11, n, 5);
  channel_stats tokens(n);
  channel_stats outputs(n);
  tokens.add(on, x.view());
  outputs.add(on, w.view());
  auto const before = tokens.absmax();
  for (double const alpha : {0.0, 0.5, 1.0}) {
    auto const scale = smoothing(view(before), view(outputs.absmax()), alpha);
    CHECK(change_of_layer(on, scale, x, w) < 1e-5);
    auto y = x;
    apply(on, scale, y.view());
    channel_stats after(n);
    after.add(on, y.view());
    auto const largest = after.absmax();
    // alpha = 1 makes all channels that are used 1; alpha = 0 gives the weight channels of 1.
    if (alpha == 1) {
      for (std::size_t j = 0; j < n; ++j) {
        CHECK(std::abs(largest[j] - (j == 7 ? 0 : 1)) < 1e-6);
      }
    } else if (alpha == 0) {
      auto v = w;
      apply_to_weight(on, scale, v.view());
      channel_stats weights(n);
      weights.add(on, v.view());
      auto const evened = weights.absmax();
      for (std::size_t j = 0; j < n; ++j) {
        CHECK((j == 7 || std::abs(evened[j] - 1) < 1e-6));
      }
    } else {
      CHECK(largest[5] / largest[6] < 0.5 * before[5] / before[6]);
    }
  }
}
