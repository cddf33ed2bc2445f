#include <cmath>
#include <cstdint>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <limits>

#include "support/catch.hpp"

using namespace dfrot;

namespace {

/// The code by search instead of by rounding: the largest code whose lower boundary does not lie above x / scale, ties to
/// the even integer; everything in long double, where the products of floats are exact.
int searched_code(int4_grid<float> const& grid, float x) {
  long double const position = static_cast<long double>(x) * static_cast<long double>(grid.inverse_scale);
  int best = grid.lowest;
  for (int code = grid.lowest + 1; code <= grid.highest; ++code) {
    int const integer = code - grid.zero_point;
    long double const boundary = static_cast<long double>(integer) - 0.5L;
    if (position > boundary || (position == boundary && integer % 2 == 0)) {
      best = code;
    }
  }
  return best;
}

}  // namespace

static_assert(symmetric_grid(7.0F, 1.0F).encode(3.5F) == 4 && symmetric_grid(7.0F, 1.0F).encode(2.5F) == 2);
static_assert(symmetric_grid(7.0F, 1.0F).encode(-2.5F) == -2 && symmetric_grid(7.0F, 1.0F).encode(-1.5F) == -2);
static_assert(symmetric_grid(0.0F, 1.0F).scale == 1.0F && symmetric_grid(0.0F, 1.0F).encode(0.0F) == 0);

TEMPLATE_TEST_CASE("encode is round half to even of the exact product, clamped", "", float, double) {
  auto const grid = symmetric_grid(TestType{7}, TestType{1});
  REQUIRE(grid.scale == TestType{1});
  for (int quarter = -60; quarter <= 60; ++quarter) {
    TestType const x = static_cast<TestType>(quarter) / 4;
    double const expected = std::fmin(7.0, std::fmax(-8.0, std::nearbyint(static_cast<double>(x))));
    CAPTURE(x);
    CHECK(grid.encode(x) == static_cast<int>(expected));
  }
}

TEST_CASE("encode agrees with a search over the codes") {
  for (std::uint64_t i = 0; i < 20000; ++i) {
    gaussian_values const block = gaussian_block(11, random_stream::user, i);
    auto const& values = block.value;
    auto const width = static_cast<float>(std::exp(4 * values[0]));
    auto const clip = 0.3F + 0.7F * static_cast<float>(std::fabs(std::sin(values[1])));
    auto const x = width * static_cast<float>(values[2]);
    auto const low = -width * static_cast<float>(std::fabs(values[3]));
    for (auto const& grid : {symmetric_grid(width, clip), asymmetric_grid(low, width, clip)}) {
      CAPTURE(i, x, grid.scale, grid.zero_point);
      REQUIRE(int{grid.encode(x)} == searched_code(grid, x));
      // Also close to the boundaries, where rounding errors would show.
      for (int code = grid.lowest; code < grid.highest; ++code) {
        float const boundary = grid.scale * (static_cast<float>(code - grid.zero_point) + 0.5F);
        for (float const near : {boundary, std::nextafterf(boundary, 1e30F), std::nextafterf(boundary, -1e30F)}) {
          REQUIRE(int{grid.encode(near)} == searched_code(grid, near));
        }
      }
    }
  }
}

TEST_CASE("an asymmetric grid holds zero and the ends of its range") {
  for (float const low : {-3.0F, -2.0F, -0.1F, 0.0F, 2.0F}) {
    for (float const high : {5.0F, 0.25F, 0.0F, -1.0F}) {
      if (low > high) {
        continue;
      }
      auto const grid = asymmetric_grid(low, high, 1.0F);
      CAPTURE(low, high, grid.scale, grid.zero_point);
      CHECK(grid.zero_point >= 0);
      CHECK(grid.zero_point <= 15);
      CHECK(grid.decode(grid.encode(0.0F)) == 0.0F);
      for (float const end : {low, high}) {
        CHECK(std::fabs(grid.decode(grid.encode(end)) - end) <= 0.5001F * grid.scale);
      }
    }
  }
  CHECK(asymmetric_grid(0.0F, 15.0F, 1.0F).scale == 1.0F);
  CHECK(asymmetric_grid(0.0F, 15.0F, 1.0F).zero_point == 0);
  CHECK(asymmetric_grid(-15.0F, 0.0F, 1.0F).zero_point == 15);
}

TEST_CASE("grids of zero, subnormal and huge ranges stay finite") {
  constexpr float tiny = std::numeric_limits<float>::denorm_min();
  constexpr float huge = 0.87F * std::numeric_limits<float>::max();
  for (float const size : {0.0F, tiny, 1e-38F, 1e-37F, huge}) {
    for (auto const& grid :
         {symmetric_grid(size, 1.0F), asymmetric_grid(-size, size, 1.0F), asymmetric_grid(0.0F, size, 0.5F)}) {
      CAPTURE(size, grid.scale);
      CHECK(std::isfinite(grid.scale));
      CHECK(std::isfinite(grid.inverse_scale));
      CHECK(grid.scale > 0);
      for (int code = grid.lowest; code <= grid.highest; ++code) {
        CHECK(std::isfinite(grid.decode(code)));
      }
    }
  }
  CHECK(symmetric_grid(tiny, 1.0F).scale == 1.0F);
  CHECK(symmetric_grid(huge, 1.0F).encode(huge) == 7);
  CHECK(symmetric_grid(huge, 1.0F).encode(-huge) == -7);
}

TEST_CASE("a scale search tries 1 down to 0.6") {
  CHECK(clip_search::ratio<float>(0) == 1.0F);
  CHECK(clip_search::ratio<double>(clip_search::candidates - 1) == 0.6);
}
