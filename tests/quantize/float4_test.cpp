#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/format/codebook16.hpp>
#include <dfrot/format/rounded_scale.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/nf4.hpp>
#include <dfrot/quantize/nvfp4.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

// FP4 in blocks, and codebooks: every instruction set gives the bits of the reference.

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

constexpr std::size_t rows = 7;

/// A matrix whose rows are followed by a few values that nobody may touch: they are compared with all others.
template <class T>
struct spaced {
  std::size_t columns;
  std::vector<T> memory;

  explicit spaced(std::size_t row_length) : columns(row_length), memory(rows * (row_length + 3)) {
    std::memset(static_cast<void*>(memory.data()), 0x5a, memory.size() * sizeof(T));
  }
  matrix_view<T> view() { return {memory.data(), rows, columns, columns + 3}; }
  friend bool operator==(spaced const& a, spaced const& b) {
    return std::memcmp(a.memory.data(), b.memory.data(), a.memory.size() * sizeof(T)) == 0;
  }
};

/// Rows that are hard in one way each: ordinary, ties of E2M1, zeros of both signs, subnormal, near the largest number, one
/// outlier among ordinary values, and one that changes its size from block to block.
template <class T>
spaced<T> hard_rows(std::size_t columns) {
  using Real = arithmetic_t<T>;
  spaced<T> result(columns);
  auto const x = result.view();
  auto const ordinary = gaussian_matrix<double>(rows, columns, columns);
  Real const largest = load(std::is_same_v<T, half> ? T(65504.0F) : T(static_cast<Real>(3.3e38)));
  Real const least = std::is_same_v<T, half> ? Real(0x1p-24) : Real(std::numeric_limits<Real>::min() / 3);
  for (std::size_t j = 0; j < columns; ++j) {
    auto const value = [&](std::size_t i) { return static_cast<Real>(ordinary(i, j)); };
    Real const tie = std::round(value(1) * 8) / 4;
    x(0, j) = store<T>(value(0));
    x(1, j) = store<T>(j % 16 == 3 ? Real{-6} : std::clamp<Real>(tie, Real(-6), Real(6)));
    x(2, j) = store<T>(j % 2 == 0 ? Real{0} : -Real{0});
    x(3, j) = store<T>(value(3) * least);
    x(4, j) = store<T>(std::clamp<Real>(value(4) / 2, Real{-1}, Real{1}) * largest);
    x(5, j) = store<T>(j == 7 * columns / 9 ? Real{1000} : value(5));
    x(6, j) = store<T>(value(6) * static_cast<Real>(std::ldexp(1.0, static_cast<int>(j / 16 % 5) * 3 - 6)));
  }
  return result;
}

template <class Scheme, class T>
struct coded {
  spaced<std::uint8_t> codes;
  spaced<typename Scheme::template scale_type<arithmetic_t<T>>> scales;
  spaced<T> values;

  template <class P>
  coded(P const& on, Scheme const& scheme, matrix_view<T const> x)
      : codes(packed_columns(x.columns)), scales(group_count(scheme, x.columns)), values(x.columns) {
    quantized_rows<std::uint8_t, typename Scheme::template scale_type<arithmetic_t<T>>> const q{
        codes.view(), scales.view(), {}};
    quantize(on, scheme, x, q);
    dequantize(on, scheme, q, values.view());
  }
};

template <class Scheme>
Scheme made(std::size_t group) {
  Scheme scheme;
  scheme.group = group;
  if constexpr (std::is_same_v<Scheme, nvfp4>) {
    scheme.storage = e4m3_scale::for_tensor(5);
  }
  return scheme;
}

template <class Arch, class Scheme, class T>
void compare(std::size_t columns) {
  auto x = hard_rows<T>(columns);
  matrix_view<T const> const view = x.view();
  for (std::size_t const group : {Scheme{}.group, columns % 7 == 0 ? std::size_t{13} : std::size_t{0}}) {
    CAPTURE(Arch::name, columns, group);
    auto const scheme = made<Scheme>(group);
    coded<Scheme, T> const expected(reference::policy{}, scheme, view);
    coded<Scheme, T> const found(cpu::basic_policy<Arch>{}, scheme, view);
    REQUIRE(found.codes == expected.codes);
    REQUIRE(found.scales == expected.scales);
    REQUIRE(found.values == expected.values);
  }
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("all instruction sets agree to the bit on FP4 and codebooks", "", test::instruction_sets) {
  for (std::size_t columns = 1; columns <= 300; ++columns) {
    compare<TestType, mxfp4, float>(columns);
    compare<TestType, mxfp4, half>(columns);
    compare<TestType, mxfp4, bfloat16>(columns);
    compare<TestType, mxfp4, double>(columns);
    compare<TestType, nvfp4, float>(columns);
    compare<TestType, nvfp4, bfloat16>(columns);
    compare<TestType, nf4, float>(columns);
    compare<TestType, nf4, half>(columns);
    // Scales that are negative.
    compare<TestType, block_scheme<e2m1, real_scale, signed_range, 32>, float>(columns);
    compare<TestType, block_scheme<normal_float4, real_scale, signed_range, 32>, float>(columns);
    compare<TestType, block_scheme<s4, float16_scale, signed_range, 32>, float>(columns);
  }
}

TEMPLATE_LIST_TEST_CASE("codes of FP4, one a byte, and values without codes are those of packed ones", "",
                        test::instruction_sets) {
  cpu::basic_policy<TestType> const on{};
  for (std::size_t columns = 1; columns <= 200; ++columns) {
    CAPTURE(columns);
    auto x = hard_rows<half>(columns);
    matrix_view<half const> const view = x.view();
    nf4 const scheme{columns % 5 == 0 ? 16U : 64U};
    coded<nf4, half> packed(on, scheme, view);
    spaced<std::int8_t> codes(columns);
    spaced<float> scales(group_count(scheme, columns));
    quantized_rows<std::int8_t, float> const wide{codes.view(), scales.view(), {}};
    quantize(on, scheme, view, wide);
    REQUIRE(scales == packed.scales);
    spaced<half> values(columns);
    dequantize(on, scheme, wide, values.view());
    REQUIRE(values == packed.values);
    spaced<half> rounded(columns);
    fake_quantize(on, scheme, view, rounded.view());
    REQUIRE(rounded == packed.values);
    spaced<std::uint8_t> again(packed_columns(columns));
    encode(on, scheme, view, codes_for_grids<std::uint8_t, float>{again.view(), scales.view(), {}});
    REQUIRE(again == packed.codes);
  }
}

TEMPLATE_LIST_TEST_CASE("errors of FP4 are those of the reference", "", test::instruction_sets) {
  auto const check = [](auto const& scheme, std::size_t columns) {
    auto x = hard_rows<float>(columns);
    matrix_view<float const> const view = x.view();
    std::vector<token_error> expected(rows);
    std::vector<token_error> found(rows);
    token_errors(reference::policy{}, scheme, view, vector_view<token_error>(expected.data(), rows));
    token_errors(cpu::basic_policy<TestType>{}, scheme, view, vector_view<token_error>(found.data(), rows));
    for (std::size_t i = 0; i < rows; ++i) {
      CAPTURE(columns, i, scheme.group);
      CHECK(std::fabs(found[i].squared_error - expected[i].squared_error) <= 1e-12 * expected[i].squared_error);
      CHECK(std::fabs(found[i].squared_norm - expected[i].squared_norm) <= 1e-12 * expected[i].squared_norm);
    }
  };
  // This codebook lacks 0: what a short block is padded with would have an error.
  codebook16 const odd({-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15});
  for (std::size_t const columns : {1U, 13U, 16U, 32U, 47U, 200U, 301U}) {
    check(mxfp4_by<e8m0_rule::best>{}, columns);
    check(block_scheme<codebook16>{32, 1.0F, odd, {}, {}}, columns);
  }
}

TEMPLATE_LIST_TEST_CASE("a value of FP4 rows that is not finite is found, and its row gets no codes", "",
                        test::instruction_sets) {
  cpu::basic_policy<TestType> const on{};
  for (std::size_t const columns : {1U, 16U, 129U}) {
    for (std::size_t bad = 0; bad < columns; bad += 5) {
      spaced<float> x(columns);
      std::fill(x.memory.begin(), x.memory.end(), 1.0F);
      x.view()(2, bad) =
          bad % 2 == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
      spaced<std::uint8_t> codes(packed_columns(columns));
      spaced<e8m0> scales(group_count(mxfp4{}, columns));
      matrix_view<float const> const view = x.view();
      CHECK_THROWS_WITH(
          quantize(on, mxfp4{}, view, quantized_rows<std::uint8_t, e8m0>{codes.view(), scales.view(), {}}),
          test::contains_text("row 2, column " + std::to_string(bad) + " holds"));
      auto const* const row = codes.view().row(2);
      CHECK(std::all_of(row, row + codes.columns, [](std::uint8_t byte) { return byte == 0x5a; }));
    }
  }
}
