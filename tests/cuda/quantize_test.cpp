#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cuda.cuh>
#include <initializer_list>
#include <limits>
#include <vector>

#include "cuda/on_device.hpp"
#include "laws/quantizer_laws.hpp"

using namespace dfrot;
using namespace dfrot::test;

namespace {

/// Rows quantized by both front doors, to codes and to packed codes, in host memory.
template <class Real>
struct both_codes : packed_rows<Real> {
  matrix<std::int8_t> codes;
};

template <class T>
both_codes<arithmetic_t<T>> quantized_here(int4_scheme const& scheme, matrix<T> const& x) {
  using real = arithmetic_t<T>;
  reference::policy const on{};
  matrix<std::int8_t> codes(x.rows(), x.columns());
  auto rows = packed_here<real>(scheme, x.rows(), x.columns(), [&](auto const& out) {
    quantize(on, scheme, x.view(), quantized_rows<std::int8_t, real>{codes.view(), out.scales, out.zero_points});
    quantize(on, scheme, x.view(), out);
  });
  return {std::move(rows), std::move(codes)};
}

/// On the device; scales and zero points of both front doors have to be the same.
template <class T>
both_codes<arithmetic_t<T>> quantized_there(int4_scheme const& scheme, matrix<T> const& x) {
  using real = arithmetic_t<T>;
  cuda::policy const on{};
  auto const there = to_device(x);
  cuda::device_matrix<std::int8_t> codes(on, x.rows(), x.columns());
  auto const beside = packed_there<real>(scheme, x.rows(), x.columns(), [&](auto const& out) {
    quantize(on, scheme, there.view(),
             quantized_rows<std::int8_t, real, device_space>{codes.view(), out.scales, out.zero_points});
  });
  auto rows = packed_there<real>(scheme, x.rows(), x.columns(),
                                 [&](auto const& out) { quantize(on, scheme, there.view(), out); });
  CHECK(same_bits(beside.scales, rows.scales));
  CHECK(same_bits(beside.zero_points, rows.zero_points));
  return {std::move(rows), to_host(codes)};
}

template <class T>
void check_quantize(int4_scheme const& scheme, matrix<T> const& x) {
  CAPTURE(x.rows(), x.columns(), scheme.symmetric, scheme.group, scheme.clip, static_cast<int>(scheme.scale));
  auto const expected = quantized_here(scheme, x);
  auto const found = quantized_there(scheme, x);
  CHECK(same_bits(found.codes, expected.codes));
  CHECK(found == expected);
}

/// Gaussian rows with a large channel, zeros, ties of a grid with step 1, and numbers at both ends of the range.
template <class T>
matrix<T> varied_rows(std::size_t rows, std::size_t columns) {
  using real = arithmetic_t<T>;
  auto x = gaussian_matrix<T>(rows, columns, columns);
  for (std::size_t j = 0; j < columns; ++j) {
    x(1, j) = store<T>(static_cast<real>(j == columns / 2 ? 1000 : load(x(1, j))));
    x(2, j) = store<T>(real{0});
    x(3, j) = store<T>(static_cast<real>(j == 0 ? 7.0 : static_cast<double>(j % 15) - 7.5));
    x(4, j) = store<T>(static_cast<real>(load(x(4, j)) * real(1e-42F)));
    x(5, j) = store<T>(static_cast<real>(load(x(5, j)) + real{3}));
    x(6, j) = store<T>(static_cast<real>(load(x(6, j)) * real(9e3F)));
  }
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("codes, packed codes, scales and zero points are the reference's", "", float, double, half,
                   bfloat16) {
  in_every_order([] {
    // Threads of one row in several blocks, of one warp, of many; quads that are whole, and not.
    for (std::size_t const n : std::initializer_list<std::size_t>{1, 2, 7, 64, 130, 515, 1000, 4096}) {
      auto const x = varied_rows<TestType>(n < 64 ? 300 : 9, n);
      for (bool const symmetric : {true, false}) {
        check_quantize<TestType>({symmetric, 0, 1.0F, scale_rule::max}, x);
        check_quantize<TestType>({symmetric, 0, 0.9F, scale_rule::max}, x);
      }
    }
  });
}

TEST_CASE("laws of the quantizer, on the device") {
  cuda::policy const on{};
  check_quantizer_laws([](int4_scheme const& scheme, auto const& x) { return quantized_there(scheme, x); },
                       [&](int4_scheme const& scheme, matrix<float> const& x) {
                         auto there = to_device(x);
                         fake_quantize(on, scheme, there.view(), there.view());
                         return to_host(there);
                       });
}

TEST_CASE("every small length is quantized and packed to the reference's bytes") {
  for (std::size_t n = 1; n <= 300; n += one_on_a_device_or(7)) {
    check_quantize<float>({true, 0, 1.0F, scale_rule::max}, varied_rows<float>(7, n));
    check_quantize<half>({false, 32, 0.9F, scale_rule::max}, varied_rows<half>(7, n));
  }
}

TEMPLATE_TEST_CASE("groups of any size, odd ones that share a byte included", "", float, half) {
  in_every_order([] {
    auto const x = varied_rows<TestType>(9, 515);
    auto const whole = varied_rows<TestType>(9, 512);
    for (std::size_t const group : std::initializer_list<std::size_t>{1, 2, 3, 6, 32, 101, 128, 514}) {
      for (bool const symmetric : {true, false}) {
        check_quantize<TestType>({symmetric, group, 1.0F, scale_rule::max}, x);
        check_quantize<TestType>({symmetric, group, 0.7F, scale_rule::max}, whole);
      }
    }
  });
}

TEMPLATE_TEST_CASE("a scale search finds the reference's scales", "", float, double) {
  in_every_order([] {
    auto const x = varied_rows<TestType>(8, 260);
    for (std::size_t const group : std::initializer_list<std::size_t>{0, 64}) {
      for (bool const symmetric : {true, false}) {
        check_quantize<TestType>({symmetric, group, 1.0F, scale_rule::search}, x);
      }
    }
    check_quantize<TestType>({true, 0, 0.9F, scale_rule::search}, varied_rows<TestType>(7, 1030));
  });
}

TEST_CASE("a clip of nearly nothing, and rows longer than shared memory") {
  check_quantize<float>({true, 0, 1e-7F, scale_rule::max}, varied_rows<float>(7, 96));
  check_quantize<float>({false, 32, 1e-7F, scale_rule::max}, varied_rows<float>(7, 96));
#if !defined(__CUDACC__)
  test::emulated::device_settings small = test::emulated::settings();
  small.shared_bytes = 24576;
  test::emulated::with_settings(small, [] {
    auto const x = varied_rows<float>(7, 6160);
    check_quantize<float>({true, 0, 1.0F, scale_rule::max}, x);
    check_quantize<float>({false, 77, 1.0F, scale_rule::max}, x);
  });
#endif
}

TEST_CASE("groups with a value that is not finite have scales of NaN and codes of 0, and others do not change",
          "[small]") {
  cuda::policy const on{};
  auto const clean = gaussian_matrix<float>(4, 96, 1);
  auto dirty = clean;
  dirty(1, 40) = std::numeric_limits<float>::quiet_NaN();
  dirty(2, 95) = -std::numeric_limits<float>::infinity();
  for (scale_rule const rule : {scale_rule::max, scale_rule::search}) {
    for (bool const symmetric : {true, false}) {
      int4_scheme const scheme{symmetric, 32, 1.0F, rule};
      auto const expected = quantized_there(scheme, clean);
      auto const found = quantized_there(scheme, dirty);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < 96; ++j) {
          bool const bad = (i == 1 && j / 32 == 1) || (i == 2 && j / 32 == 2);
          wrong += found.codes(i, j) != (bad ? 0 : expected.codes(i, j));
          wrong += bad != std::isnan(found.scales(i, j / 32));
        }
      }
      CHECK(wrong == 0);
      auto const scales = to_device(found.scales);
      CHECK_THROWS_WITH(cuda::reject_non_finite(on, scales.view()), contains_text("row 1"));
      auto const clean_scales = to_device(expected.scales);
      cuda::reject_non_finite(on, clean_scales.view());
    }
  }
}

/// fake_quantize() and dequantize() of both kinds of codes, against the reference's fake_quantize().
template <class T>
void check_values(int4_scheme const& scheme, matrix<T> const& x) {
  using real = arithmetic_t<T>;
  cuda::policy const on{};
  matrix<T> expected(x.rows(), x.columns());
  fake_quantize(reference::policy{}, scheme, x.view(), expected.view());
  auto there = to_device(x);
  fake_quantize(on, scheme, there.view(), there.view());
  CHECK(same_bits(to_host(there), expected));
  auto const q = quantized_here(scheme, x);
  auto const codes = to_device(q.codes);
  auto const packed = to_device(q.packed);
  auto const scales = to_device(q.scales);
  auto const zeros = to_device(q.zero_points);
  cuda::device_matrix<T> values(on, x.rows(), x.columns());
  dequantize(on, scheme,
             quantized_rows<std::int8_t const, real const, device_space>{codes.view(), scales.view(), zeros.view()},
             values.view());
  CHECK(same_bits(to_host(values), expected));
  cuda::device_matrix<T> unpacked(on, x.rows(), x.columns());
  dequantize(on, scheme,
             quantized_rows<std::uint8_t const, real const, device_space>{packed.view(), scales.view(), zeros.view()},
             unpacked.view());
  CHECK(same_bits(to_host(unpacked), expected));
}

TEMPLATE_TEST_CASE("fake quantization and dequantization give the reference's values", "", float, double, half,
                   bfloat16) {
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 96, 515}) {
    for (std::size_t const group : std::initializer_list<std::size_t>{0, 3, 32}) {
      for (bool const symmetric : {true, false}) {
        check_values<TestType>({symmetric, group, 0.9F, scale_rule::max}, varied_rows<TestType>(9, n));
      }
    }
  }
}

TEMPLATE_TEST_CASE("codes of finite values stand for finite values, up to the end of every type", "[small]", float,
                   double, half, bfloat16) {
  matrix<TestType> x(3, 40);
  auto const most = largest_finite<TestType>;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 40; ++j) {
      x(i, j) = store<TestType>((j % 2 == 0 ? -most : most) / static_cast<arithmetic_t<TestType>>(1 + i * (j % 3)));
    }
  }
  for (bool const symmetric : {true, false}) {
    for (float const clip : {1.0F, 0.9F}) {
      check_values<TestType>({symmetric, 0, clip, scale_rule::max}, x);
    }
  }
}

TEST_CASE("codes are packed and unpacked as by the reference, at any address and stride") {
  cuda::policy const on{};
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 2, 3, 64, 131}) {
    for (bool const symmetric : {true, false}) {
      matrix<std::int8_t> codes(5, n);
      for (std::size_t k = 0; k < 5 * n; ++k) {
        codes.data()[k] = static_cast<std::int8_t>(static_cast<int>(k * 7 % 16) - (symmetric ? 8 : 0));
      }
      matrix<std::uint8_t> expected(5, packed_columns(n));
      pack(reference::policy{}, codes.view(), expected.view());
      auto const there = to_device(codes);
      cuda::device_matrix<std::uint8_t> packed(on, 5, packed_columns(n));
      pack(on, there.view(), packed.view());
      CHECK(same_bits(to_host(packed), expected));
      cuda::device_matrix<std::int8_t> back(on, 5, n + 1);
      unpack(on, {symmetric, 0, 1.0F, scale_rule::max}, packed.view().row_block(0, 4),
             matrix_view<std::int8_t, device_space>(back.data() + 1, 5, n, n + 1).row_block(0, 4));
      auto const found = to_host(back);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          wrong += found(i, j + 1) != codes(i, j);
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("strides and addresses of any alignment; padding is left alone", "[small]") {
  cuda::policy const on{};
  int4_scheme const scheme{false, 32, 1.0F, scale_rule::max};
  auto const wide = gaussian_matrix<float>(5, 101, 3);
  auto const there = to_device(wide);
  for (std::size_t const first : std::initializer_list<std::size_t>{0, 1, 4}) {
    matrix<float> x(5, 96);
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = 0; j < 96; ++j) {
        x(i, j) = wide(i, j + first);
      }
    }
    auto const expected = quantized_here(scheme, x);
    cuda::device_matrix<std::uint8_t> packed(on, 5, 51);
    cuda::device_matrix<float> scales(on, 5, 4);
    cuda::device_matrix<std::int8_t> zeros(on, 5, 5);
    cuda::check_status(cudaMemsetAsync(packed.data(), 77, 5 * 51, on.stream), "cudaMemsetAsync");
    quantize(on, scheme, matrix_view<float const, device_space>(there.data() + first, 5, 96, 101),
             quantized_rows<std::uint8_t, float, device_space>{
                 {packed.data() + 1, 5, 48, 51}, {scales.data(), 5, 3, 4}, {zeros.data(), 5, 3, 5}});
    auto const bytes = to_host(packed);
    auto const steps = to_host(scales);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      wrong += bytes(i, 0) != 77 || bytes(i, 49) != 77 || bytes(i, 50) != 77;
      for (std::size_t j = 0; j < 48; ++j) {
        wrong += bytes(i, j + 1) != expected.packed(i, j);
      }
      for (std::size_t g = 0; g < 3; ++g) {
        wrong += steps(i, g) != expected.scales(i, g);
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("no rows and no columns are no error") {
  cuda::policy const on{};
  cuda::device_matrix<float> none(on, 0, 64);
  quantize(on, int4_scheme{}, none.view(),
           quantized_rows<std::uint8_t, float, device_space>{{nullptr, 0, 32}, {nullptr, 0, 1}, {}});
  fake_quantize(on, int4_scheme{}, none.view(), none.view());
  CHECK_THROWS_WITH(quantize(on, int4_scheme{}, none.view(),
                             quantized_rows<std::uint8_t, float, device_space>{{nullptr, 0, 31}, {nullptr, 0, 1}, {}}),
                    contains_text("packed codes is 0 x 31, expected 0 x 32"));
}
