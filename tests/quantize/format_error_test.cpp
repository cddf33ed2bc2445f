#include <algorithm>
#include <cmath>
#include <cstdint>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/format/e1m2.hpp>
#include <dfrot/format/e3m0.hpp>
#include <dfrot/format/rounded_scale.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/nf4.hpp>
#include <dfrot/quantize/nvfp4.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

// What formats make of normal values, against figures that were computed with numpy from their formulas.

using namespace dfrot;

namespace {

/// sum ||x - Q(x)||^2 / sum ||x||^2 of normal rows of 1,024.
template <class Scheme>
double relative_error(Scheme const& scheme) {
  static matrix<float> const x = test::gaussian_matrix<float>(256, 1024, 8);
  std::vector<token_error> errors(x.rows());
  token_errors(reference::policy{}, scheme, x.view(), vector_view<token_error>(errors.data(), errors.size()));
  double error = 0;
  double norm = 0;
  for (token_error const& one : errors) {
    error += one.squared_error;
    norm += one.squared_norm;
  }
  return error / norm;
}

template <class Scheme>
void check_error(Scheme const& scheme, double expected) {
  double const found = relative_error(scheme);
  CAPTURE(expected, found);
  CHECK(std::fabs(found - expected) < 0.02 * expected);
}

/// The scheme, with the multiplier for the rows of relative_error().
template <class Scheme>
Scheme with_multiplier() {
  matrix<float> const x = test::gaussian_matrix<float>(256, 1024, 8);
  float absmax = 0;
  std::for_each(x.data(), x.data() + x.rows() * x.columns(),
                [&](float v) { absmax = std::fmax(absmax, std::fabs(v)); });
  Scheme scheme;
  scheme.storage = e4m3_scale::for_tensor(absmax);
  return scheme;
}

}  // namespace

TEST_CASE("formats lose of normal rows what their formulas say") {
  check_error(int4{}, 0.0204);
  check_error(int4_signed{}, 0.0157);
  check_error(int4_signed{32}, 0.0074);
  check_error(fp4{}, 0.0133);
  check_error(block_scheme<e1m2>{}, 0.0202);
  check_error(block_scheme<e3m0>{}, 0.038);
  check_error(mxfp4{}, 0.0132);
  check_error(mxfp4_by<e8m0_rule::round>{}, 0.0125);
  check_error(mxfp4_by<e8m0_rule::ceil>{}, 0.0133);
  check_error(mxfp4_by<e8m0_rule::best>{}, 0.0125);
  check_error(with_multiplier<nvfp4>(), 0.0091);
  check_error(with_multiplier<nvfp4_four_or_six>(), 0.0076);
}

TEST_CASE("the best of several scales is never worse than one of them") {
  double const best = relative_error(mxfp4_by<e8m0_rule::best>{});
  CHECK(best <= relative_error(mxfp4{}));
  CHECK(best <= relative_error(mxfp4_by<e8m0_rule::round>{}));
  CHECK(best <= relative_error(mxfp4_by<e8m0_rule::ceil>{}));
  CHECK(relative_error(with_multiplier<nvfp4_four_or_six>()) <= relative_error(with_multiplier<nvfp4>()));
  double const either = relative_error(int4_signed_or_max{32});
  CHECK(either <= relative_error(int4{32}));
  CHECK(either <= relative_error(int4_signed{32}));
}

TEST_CASE("no value lies beyond the reach of its scheme") {
  auto const check = [](auto const& scheme) {
    for (int step = 1; step <= 4000; ++step) {
      float const size = std::exp(static_cast<float>(step) / 100 - 20);
      for (int k = 0; k < scheme.candidates(); ++k) {
        auto const grid = scheme.candidate(-size, size, k);
        CAPTURE(size, grid.scale, k);
        REQUIRE(size <= scheme.reach() * std::fabs(grid.scale));
      }
    }
  };
  check(int4_signed{});
  check(fp4{0, 0.8F});
  check(mxfp4{});
  check(mxfp4_by<e8m0_rule::round>{});
  check(mxfp4_by<e8m0_rule::ceil>{});
  check(mxfp4_by<e8m0_rule::best>{32, 0.9F});
  check(block_scheme<e1m2, e8m0_scale<e8m0_rule::floor>>{});
  check(nvfp4{});
  check(nf4{});
  check(block_scheme<s4, float16_scale>{});
  check(block_scheme<s4, bfloat16_scale, signed_range>{});
}

TEST_CASE("codes are made with the rounded scale, which is what a reader finds") {
  auto const check = [](auto const& scheme) {
    using Number = typename std::remove_cvref_t<decltype(scheme)>::template scale_type<float>;
    auto const x = test::gaussian_matrix<float>(5, 100, 3);
    matrix<std::int8_t> codes(5, 100);
    matrix<Number> scales(5, group_count(scheme, 100));
    quantize(reference::policy{}, scheme, x.view(),
             quantized_rows<std::int8_t, Number>{codes.view(), scales.view(), {}});
    matrix<float> rounded(5, 100);
    fake_quantize(reference::policy{}, scheme, x.view(), rounded.view());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = 0; j < 100; ++j) {
        auto const scale = static_cast<float>(scales(i, j / group_size(scheme, 100)));
        float const code = std::clamp(std::nearbyint(x(i, j) / scale), -8.0F, 7.0F);
        wrong += static_cast<float>(codes(i, j)) != code || rounded(i, j) != code * scale;
      }
    }
    CHECK(wrong == 0);
  };
  check(block_scheme<s4, float16_scale>{32});
  check(block_scheme<s4, bfloat16_scale, searched_range<max_range>>{});
  check(block_scheme<s4, float16_scale, signed_range, 32>{});
}

static_assert(mxfp4{}.group == 32 && nvfp4{}.group == 16 && nf4{}.group == 64 && fp4{}.group == 0);

TEST_CASE("blocks of zeros have codes of zero, and the least scale") {
  matrix<float> const x(2, 40);
  matrix<std::uint8_t> codes(2, 20);
  std::fill_n(codes.data(), 40, std::uint8_t{0xff});
  auto const all_zero = [&codes] {
    return std::all_of(codes.data(), codes.data() + 40, [](std::uint8_t byte) { return byte == 0; });
  };
  matrix<e8m0> powers(2, 2);
  quantize(reference::policy{}, mxfp4{}, x.view(), quantized_rows<std::uint8_t, e8m0>{codes.view(), powers.view(), {}});
  CHECK(all_zero());
  CHECK(powers(1, 1).bits == 0);
  std::fill_n(codes.data(), 40, std::uint8_t{0xff});
  matrix<e4m3> scales(2, 3);
  quantize(reference::policy{}, nvfp4{}, x.view(), quantized_rows<std::uint8_t, e4m3>{codes.view(), scales.view(), {}});
  CHECK(all_zero());
  CHECK(scales(1, 2).bits == 1);
}

TEST_CASE("FP4 keeps a multiplier that makes sense, and a clip, only") {
  nvfp4 scheme;
  scheme.storage.multiplier = 0;
  CHECK_THROWS_WITH(scheme.check(), test::contains_text("the multiplier is 0"));
  CHECK_THROWS_WITH((mxfp4{32, 0.0F}.check()), test::contains_text("clip is 0"));
}
