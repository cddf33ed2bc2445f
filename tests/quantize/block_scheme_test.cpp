#include <cstdint>
#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/static_range.hpp>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

// Schemes that are put together at compile time.

using namespace dfrot;
using namespace dfrot::test;

// Kernels take them by value, devices too.
static_assert(std::is_trivially_copyable_v<int4_scheme> && std::is_trivially_copyable_v<int4_signed_or_max>);
static_assert(std::is_trivially_copyable_v<int4_grid<float>>);
static_assert(std::is_trivially_copyable_v<quantized_rows<std::uint8_t, float>>);
static_assert(quantization_scheme<int4_signed> && !quantization_scheme<int>);

namespace {

/// Everything that a scheme makes of some rows under one policy, as bytes.
template <class T, class Scheme>
struct results {
  using Scale = typename Scheme::template scale_type<arithmetic_t<T>>;
  matrix<std::uint8_t> packed;
  matrix<std::int8_t> codes;
  matrix<Scale> scales;
  matrix<std::int8_t> zeros;
  matrix<T> values;
  matrix<T> decoded;
  std::vector<token_error> errors;

  template <class P>
  results(P const& on, Scheme const& scheme, matrix_view<T const> x)
      : packed(x.rows, packed_columns(x.columns)),
        codes(x.rows, x.columns),
        scales(x.rows, group_count(scheme, x.columns)),
        zeros(x.rows, group_count(scheme, x.columns)),
        values(x.rows, x.columns),
        decoded(x.rows, x.columns),
        errors(x.rows) {
    quantized_rows<std::int8_t, Scale> const wide{codes.view(), scales.view(), zeros.view()};
    quantized_rows<std::uint8_t, Scale> const narrow{packed.view(), scales.view(), zeros.view()};
    quantize(on, scheme, x, wide);
    quantize(on, scheme, x, narrow);
    dequantize(on, scheme, narrow, decoded.view());
    fake_quantize(on, scheme, x, values.view());
    token_errors(on, scheme, x, vector_view<token_error>(errors.data(), errors.size()));
  }
};

template <class A, class B>
void check_same(A const& a, B const& b) {
  CHECK(same_bytes(a.packed, b.packed));
  CHECK(same_bytes(a.codes, b.codes));
  CHECK(same_bytes(a.scales, b.scales));
  CHECK(same_bytes(a.zeros, b.zeros));
  CHECK(same_bytes(a.values, b.values));
}

/// On reference and cpu; values are what codes stand for, and codes are found again from their scales.
template <class T, class Scheme>
void check_scheme(Scheme const& scheme, std::size_t columns) {
  CAPTURE(columns, scheme.group);
  matrix<T> const x = gaussian_matrix<T>(5, columns, columns + 1);
  results<T, Scheme> const expected(reference::policy{}, scheme, x.view());
  results<T, Scheme> const found(cpu::policy{}, scheme, x.view());
  check_same(expected, found);
  CHECK(same_bytes(found.values, found.decoded));
  CHECK(same_bytes(expected.values, expected.decoded));
  using Scale = typename Scheme::template scale_type<arithmetic_t<T>>;
  auto const encodes = [&](auto const& on) {
    matrix<std::uint8_t> again(x.rows(), packed_columns(columns));
    encode(on, scheme, x.view(),
           codes_for_grids<std::uint8_t, Scale>{again.view(), found.scales.view(), found.zeros.view()});
    return same_bytes(again, found.packed);
  };
  CHECK(encodes(reference::policy{}));
  CHECK(encodes(cpu::policy{}));
}

template <class T, class Scheme>
double relative_error(Scheme const& scheme, matrix<T> const& x) {
  std::vector<token_error> errors(x.rows());
  token_errors(cpu::policy{}, scheme, x.view(), vector_view<token_error>(errors.data(), errors.size()));
  double error = 0;
  double norm = 0;
  for (token_error const& one : errors) {
    error += one.squared_error;
    norm += one.squared_norm;
  }
  return error / norm;
}

}  // namespace

TEMPLATE_TEST_CASE("INT4 schemes of one kind have the bytes of the scheme that is chosen at run time", "", float, half,
                   double) {
  for (std::size_t const group : {0U, 32U, 100U}) {
    for (float const clip : {1.0F, 0.75F}) {
      matrix<TestType> const x = gaussian_matrix<TestType>(4, 300, 3);
      check_same(results<TestType, int4>(cpu::policy{}, {group, clip}, x.view()),
                 results<TestType, int4_scheme>(cpu::policy{}, {true, group, clip}, x.view()));
      check_same(results<TestType, int4_asymmetric>(cpu::policy{}, {group, clip}, x.view()),
                 results<TestType, int4_scheme>(cpu::policy{}, {false, group, clip}, x.view()));
    }
  }
}

TEMPLATE_TEST_CASE("signed ranges have the same bytes everywhere", "", float, bfloat16, double) {
  for (std::size_t const columns : {1U, 2U, 31U, 64U, 129U, 300U}) {
    check_scheme<TestType>(int4_signed{}, columns);
    check_scheme<TestType>(int4_signed{32, 0.9F}, columns);
    check_scheme<TestType>(int4_signed{33}, columns);
  }
}

TEST_CASE("a scale that is given has the same bytes everywhere, however far values lie beyond it") {
  for (float const scale : {0.5F, 0.01F, 1e-30F}) {
    check_scheme<float>(int4_static{.range = {scale}}, 300);
    check_scheme<float>(int4_static{.group = 33, .range = {scale}}, 129);
  }
}

TEST_CASE("the better of two ranges is never worse than either, and rows of +-a have no error") {
  matrix<float> const x = gaussian_matrix<float>(64, 1024, 5);
  for (std::size_t const group : {0U, 32U, 128U}) {
    double const better = relative_error(int4_signed_or_max{group}, x);
    CHECK(better <= relative_error(int4{group}, x));
    CHECK(better <= relative_error(int4_signed{group}, x));
    CHECK(relative_error(int4_signed{group}, x) < 0.83 * relative_error(int4{group}, x));
  }
  matrix<float> corner(1, 64);
  for (std::size_t j = 0; j < 64; ++j) {
    corner(0, j) = j % 3 == 0 ? -3.0F : 3.0F;
  }
  CHECK(relative_error(int4{}, corner) < 1e-12);
  CHECK(relative_error(int4_signed_or_max{}, corner) < 1e-12);
  CHECK(relative_error(int4_signed{}, corner) > 0.005);
}

TEST_CASE("a search over a rule's candidates is never worse than the rule") {
  matrix<float> const x = gaussian_matrix<float>(16, 1024, 6);
  using searched = block_scheme<s4, real_scale, searched_range<signed_or_max_range>>;
  CHECK(relative_error(searched{128}, x) < relative_error(int4_signed_or_max{128}, x));
}

TEST_CASE("columns and rows are cut from quantized rows") {
  int4_scheme const scheme{false, 32};
  std::size_t const columns = 256;
  matrix<float> const x = gaussian_matrix<float>(6, columns, 7);
  std::vector<std::uint8_t> codes(6 * 128);
  std::vector<float> scales(6 * 8);
  std::vector<std::int8_t> zeros(6 * 8);
  auto const all = make_quantized_rows(scheme, 6, columns, std::span(codes), std::span(scales), std::span(zeros));
  quantize(cpu::policy{}, scheme, x.view(), all);
  matrix<float> whole(6, columns);
  dequantize(cpu::policy{}, scheme, all, whole.view());
  auto const head = column_block(scheme, all.row_block(2, 3), columns, 64, 128);
  matrix<float> part(3, 128);
  dequantize(cpu::policy{}, scheme, head, part.view());
  std::size_t different = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 128; ++j) {
      different += part(i, j) != whole(2 + i, 64 + j);
    }
  }
  CHECK(different == 0);
  CHECK_THROWS_AS(column_block(scheme, all, columns, 16, 64), std::invalid_argument);
  CHECK_THROWS_AS(column_block(scheme, all, columns, 192, 128), std::invalid_argument);
  CHECK_THROWS_AS(make_quantized_rows(scheme, 7, columns, std::span(codes), std::span(scales), std::span(zeros)),
                  std::invalid_argument);
}
