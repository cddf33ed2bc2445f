#include <cmath>
#include <cstdint>
#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <limits>
#include <vector>

#include "laws/quantizer_laws.hpp"
#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::all_schemes;
using dfrot::test::gaussian_matrix;
using dfrot::test::same;

namespace {

/// Codes, scales and zero points with their memory.
template <class Real>
struct quantized {
  matrix<std::int8_t> codes;
  matrix<Real> scales;
  matrix<std::int8_t> zeros;

  quantized(int4_scheme const& scheme, std::size_t rows, std::size_t columns)
      : codes(rows, columns),
        scales(rows, group_count(scheme, columns)),
        zeros(rows, scheme.symmetric ? 0 : group_count(scheme, columns)) {}
  quantized_rows<std::int8_t, Real> view() { return {codes.view(), scales.view(), zeros.view()}; }
  int zero(int4_scheme const& scheme, std::size_t i, std::size_t g) const { return scheme.symmetric ? 0 : zeros(i, g); }
};

template <class P, class T>
quantized<arithmetic_t<T>> quantize_with(P const& on, int4_scheme const& scheme, matrix<T> const& x) {
  quantized<arithmetic_t<T>> q(scheme, x.rows(), x.columns());
  quantize(on, scheme, x.view(), q.view());
  return q;
}

}  // namespace

TEMPLATE_TEST_CASE("codes are the nearest of all sixteen, by enumeration in float64", "", float, double, half,
                   bfloat16) {
  auto const x = gaussian_matrix<TestType>(9, 200, 5);
  for (auto const& scheme : all_schemes()) {
    auto const q = quantize_with(reference::policy{}, scheme, x);
    std::size_t const group = group_size(scheme, x.columns());
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t j = 0; j < x.columns(); ++j) {
        auto const value = static_cast<double>(load(x(i, j)));
        auto const scale = static_cast<double>(q.scales(i, j / group));
        int const zero = q.zero(scheme, i, j / group);
        double least = std::numeric_limits<double>::infinity();
        for (int code = scheme.symmetric ? -8 : 0; code <= (scheme.symmetric ? 7 : 15); ++code) {
          least = std::min(least, std::fabs(value - scale * (code - zero)));
        }
        CAPTURE(scheme.symmetric, scheme.group, scheme.clip, i, j, value, scale, zero);
        REQUIRE(std::fabs(value - scale * (q.codes(i, j) - zero)) <= least + 1e-6 * scale);
      }
    }
  }
}

TEST_CASE("scales follow the formula of the scheme") {
  auto const x = gaussian_matrix<float>(6, 130, 8);
  for (std::size_t const group : {0U, 32U, 128U}) {
    int4_scheme const symmetric{true, group, 0.9F};
    int4_scheme const asymmetric{false, group, 0.9F};
    auto const s = quantize_with(cpu::policy{}, symmetric, x);
    auto const a = quantize_with(cpu::policy{}, asymmetric, x);
    std::size_t const size = group_size(symmetric, 130);
    REQUIRE(group_count(symmetric, 130) == (130 + size - 1) / size);
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t g = 0; g < group_count(symmetric, 130); ++g) {
        double low = 0;
        double high = 0;
        for (std::size_t j = g * size; j < std::min<std::size_t>(130, (g + 1) * size); ++j) {
          low = std::min(low, static_cast<double>(x(i, j)));
          high = std::max(high, static_cast<double>(x(i, j)));
        }
        CAPTURE(i, g, low, high);
        double const clip = static_cast<double>(0.9F);
        CHECK(std::fabs(static_cast<double>(s.scales(i, g)) / (clip * std::max(-low, high) / 7) - 1) < 3e-7);
        double const step = clip * (high - low) / 15;
        CHECK(std::fabs(static_cast<double>(a.scales(i, g)) / step - 1) < 3e-7);
        CHECK(std::fabs(a.zeros(i, g) + clip * low / step) <= 0.5 + 1e-5);
      }
    }
  }
}

TEMPLATE_TEST_CASE("the cpu backend gives the reference's bits for every size, stride and thread count", "", float,
                   double, half, bfloat16) {
  for (std::size_t columns = 1; columns <= 300; columns += columns < 70 ? 1 : 23) {
    std::size_t const stride = columns + 3;
    auto memory = gaussian_matrix<TestType>(5, stride, columns);
    matrix_view<TestType const> const x{memory.data() + 1, 5, columns, stride};
    // All schemes on some sizes; two on the others.
    std::size_t const step = columns % 16 == 0 ? 1 : 13;
    for (std::size_t s = 0; s < all_schemes().size(); s += step) {
      auto const& scheme = all_schemes()[s];
      CAPTURE(columns, scheme.symmetric, scheme.group, scheme.clip);
      quantized<arithmetic_t<TestType>> expected(scheme, 5, columns);
      quantize(reference::policy{}, scheme, x, expected.view());
      matrix<TestType> expected_values(5, columns);
      dequantize(reference::policy{}, scheme, expected.view(), expected_values.view());
      for (int const threads : {1, 2, 5}) {
        cpu::policy const on{threads};
        quantized<arithmetic_t<TestType>> found(scheme, 5, columns);
        quantize(on, scheme, x, found.view());
        REQUIRE(same(found.codes, expected.codes));
        REQUIRE(same(found.scales, expected.scales));
        REQUIRE(same(found.zeros, expected.zeros));
        matrix<TestType> values(5, columns);
        dequantize(on, scheme, found.view(), values.view());
        matrix<TestType> rounded(5, columns);
        fake_quantize(on, scheme, x, rounded.view());
        for (std::size_t i = 0; i < 5 * columns; ++i) {
          REQUIRE(load(values.data()[i]) == load(expected_values.data()[i]));
          REQUIRE(load(rounded.data()[i]) == load(expected_values.data()[i]));
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("laws of the quantizer", "", reference::policy, cpu::policy) {
  TestType const on{};
  dfrot::test::check_quantizer_laws(
      [&](int4_scheme const& scheme, auto const& x) { return quantize_with(on, scheme, x); },
      [&](int4_scheme const& scheme, matrix<float> const& x) {
        matrix<float> rounded(x.rows(), x.columns());
        fake_quantize(on, scheme, x.view(), rounded.view());
        matrix<float> in_place = x;
        fake_quantize(on, scheme, in_place.view(), in_place.view());
        CHECK(same(in_place, rounded));
        return rounded;
      });
}

TEMPLATE_TEST_CASE("a row with a value that is not finite is named, and gets no codes", "", reference::policy,
                   cpu::policy) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    for (std::size_t const column : {0U, 7U, 16U, 39U}) {
      auto x = gaussian_matrix<float>(12, 40, 3);
      x(7, column) = bad;
      x(9, 0) = bad;
      quantized<float> q({}, 12, 40);
      std::fill_n(q.codes.data(), 480, std::int8_t{99});
      CHECK_THROWS_WITH(quantize(TestType{}, {}, x.view(), q.view()),
                        dfrot::test::contains_text("row 7, column " + std::to_string(column)));
      CHECK(std::all_of(&q.codes(7, 0), &q.codes(7, 0) + 40, [](std::int8_t code) { return code == 99; }));
      CHECK_THROWS_AS(fake_quantize(TestType{}, {}, x.view(), x.view()), std::invalid_argument);
    }
  }
}

TEMPLATE_TEST_CASE("packing and unpacking are inverse, for every size and stride", "", reference::policy, cpu::policy) {
  TestType const on{};
  for (std::size_t columns = 0; columns <= 130; ++columns) {
    for (bool const symmetric : {true, false}) {
      int4_scheme const scheme{symmetric};
      std::size_t const bytes = packed_columns(columns);
      matrix<std::int8_t> codes(3, columns + 2);
      for (std::size_t i = 0; i < 3 * (columns + 2); ++i) {
        codes.data()[i] = static_cast<std::int8_t>(static_cast<int>(i * 7 % 16) - (symmetric ? 8 : 0));
      }
      matrix_view<std::int8_t const> const in{codes.data() + 1, 3, columns, columns + 2};
      matrix<std::uint8_t> packed(3, bytes + 1);
      std::fill_n(packed.data(), 3 * (bytes + 1), std::uint8_t{0xee});
      matrix_view<std::uint8_t> const out{packed.data(), 3, bytes, bytes + 1};
      pack(on, in, out);
      matrix<std::int8_t> back(3, columns + 1);
      std::fill_n(back.data(), 3 * (columns + 1), std::int8_t{77});
      unpack(on, scheme, out, matrix_view<std::int8_t>{back.data(), 3, columns, columns + 1});
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
          REQUIRE(back(i, j) == in(i, j));
        }
        REQUIRE(back(i, columns) == 77);
        REQUIRE(packed(i, bytes) == 0xee);
        if (columns % 2 != 0) {
          REQUIRE(packed(i, bytes - 1) >> 4 == 0);
        }
      }
    }
  }
}

TEST_CASE("both backends pack to the same bytes") {
  matrix<std::int8_t> codes(9, 333);
  for (std::size_t i = 0; i < 9 * 333; ++i) {
    codes.data()[i] = static_cast<std::int8_t>(static_cast<int>(i * i % 16) - 8);
  }
  matrix<std::uint8_t> a(9, 167);
  matrix<std::uint8_t> b(9, 167);
  pack(reference::policy{}, codes.view(), a.view());
  pack(cpu::policy{3}, codes.view(), b.view());
  CHECK(same(a, b));
}

TEST_CASE("wrong shapes, strides and schemes are errors that name the numbers") {
  cpu::policy const on{};
  matrix<float> x(4, 64);
  quantized<float> q({}, 4, 64);
  quantized<float> narrow({}, 4, 63);
  CHECK_THROWS_WITH(quantize(on, {}, x.view(), narrow.view()), "codes is 4 x 63, expected 4 x 64");
  CHECK_THROWS_WITH(quantize(on, {true, 32}, x.view(), q.view()), "scales is 4 x 1, expected 4 x 2");
  CHECK_THROWS_WITH(quantize(on, {false}, x.view(), q.view()), "zero points is 4 x 0, expected 4 x 1");
  CHECK_THROWS_WITH(quantize(on, {true, 0, 1.5F}, x.view(), q.view()),
                    "int4_scheme: clip is 1.5; it must be in (0, 1]");
  CHECK_THROWS_AS(quantize(on, {true, 0, std::numeric_limits<float>::quiet_NaN()}, x.view(), q.view()),
                  std::invalid_argument);
  matrix_view<float> const overlapping{x.data(), 4, 64, 32};
  CHECK_THROWS_WITH(quantize(on, {}, overlapping, q.view()), "activations: row stride 32 is less than the 64 columns");
  matrix<std::uint8_t> packed(4, 31);
  CHECK_THROWS_AS(pack(on, q.codes.view(), packed.view()), std::invalid_argument);
  CHECK_THROWS_AS(unpack(on, {}, packed.view(), q.codes.view()), std::invalid_argument);
}
