// Instruction sets that the library knows nothing of: one from outside, and xsimd's. One specialization, float_registers, makes
// every kernel run in their registers, and gives the bytes of the reference wherever codes are exact.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "extension/own_isa.hpp"  // before the operations

#include <dfrot/backend/cpu/isa/xsimd.hpp>

#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/cpu/gemm_repack.hpp>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/cpu/rotate_quantize.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/repacked_weights.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

template <class Arch>
using on = cpu::basic_policy<Arch>;

template <class Code>
struct int4_codes {
  matrix<Code> codes;
  matrix<float> scales;
  matrix<std::int8_t> zeros;

  int4_codes(int4_scheme const& scheme, std::size_t rows, std::size_t columns)
      : codes(rows, std::is_same_v<Code, std::uint8_t> ? packed_columns(columns) : columns),
        scales(rows, group_count(scheme, columns)),
        zeros(rows, scheme.symmetric ? 0 : group_count(scheme, columns)) {}
  quantized_rows<Code, float> view() { return {codes.view(), scales.view(), zeros.view()}; }
  friend bool operator==(int4_codes const& a, int4_codes const& b) {
    return same_bytes(a.codes, b.codes) && same_bytes(a.scales, b.scales) && same_bytes(a.zeros, b.zeros);
  }
};

template <class Arch, class T>
void compare_codes(std::size_t n) {
  auto x = gaussian_matrix<T>(3, n, n);
  x(1, n / 2) = store<T>(40.0F);
  std::fill_n(x.view().row(2), n, store<T>(0.0F));
  for (int4_scheme const& scheme : {int4_scheme{true, 0, 1.0F}, int4_scheme{false, 0, 1.0F},
                                    int4_scheme{true, 32, 0.8F}, int4_scheme{false, 7, 1.0F}}) {
    CAPTURE(Arch::name, n, sizeof(T), scheme.symmetric, scheme.group);
    int4_codes<std::uint8_t> expected(scheme, 3, n);
    int4_codes<std::uint8_t> found(scheme, 3, n);
    quantize(reference::policy{}, scheme, x.view(), expected.view());
    // [use]
    quantize(cpu::basic_policy<Arch>{}, scheme, x.view(), found.view());
    CHECK(found == expected);
    // [use]

    int4_codes<std::int8_t> bytes(scheme, 3, n);
    int4_codes<std::int8_t> expected_bytes(scheme, 3, n);
    quantize(reference::policy{}, scheme, x.view(), expected_bytes.view());
    quantize(on<Arch>{}, scheme, x.view(), bytes.view());
    CHECK(bytes == expected_bytes);

    matrix<T> values(3, n);
    matrix<T> expected_values(3, n);
    dequantize(reference::policy{}, scheme, expected.view(), expected_values.view());
    dequantize(on<Arch>{}, scheme, found.view(), values.view());
    CHECK(same_bytes(values, expected_values));
    dequantize(on<Arch>{}, scheme, bytes.view(), values.view());
    CHECK(same_bytes(values, expected_values));
    fake_quantize(on<Arch>{}, scheme, x.view(), values.view());
    CHECK(same_bytes(values, expected_values));

    std::vector<token_error> errors(3);
    std::vector<token_error> expected_errors(3);
    token_errors(reference::policy{}, scheme, x.view(), vector_view<token_error>(expected_errors.data(), 3));
    token_errors(on<Arch>{}, scheme, x.view(), vector_view<token_error>(errors.data(), 3));
    for (std::size_t i = 0; i < 3; ++i) {
      double const expected_error = expected_errors[i].squared_error;
      CHECK(std::fabs(errors[i].squared_error - expected_error) <= 1e-12 * expected_error);
    }
  }
}

template <class P>
matrix<float> product(P const& policy, int4_scheme const& scheme, int4_codes<std::uint8_t>& x,
                      int4_codes<std::uint8_t>& w, std::size_t k) {
  std::vector<std::uint8_t> memory(repacked_weights_size(policy, w.codes.rows(), k));
  auto const repacked =
      repack_weights(policy, w.codes.view(), k, vector_view<std::uint8_t>(memory.data(), memory.size()));
  std::vector<std::byte> workspace(gemm_workspace_size(policy, scheme, x.codes.rows(), k));
  matrix<float> out(x.codes.rows(), w.codes.rows());
  gemm(policy, scheme, x.view(), scaled_weights<P>{repacked, w.scales.view()}, out.view(),
       vector_view<std::byte>(workspace.data(), workspace.size()));
  return out;
}

template <class Arch>
void compare_products(std::size_t m, std::size_t n, std::size_t k) {
  int4_scheme const scheme{true, 32, 1.0F};
  auto const x = gaussian_matrix<float>(m, k, 1);
  auto const w = gaussian_matrix<float>(n, k, 2);
  int4_codes<std::uint8_t> x_codes(scheme, m, k);
  int4_codes<std::uint8_t> w_codes(scheme, n, k);
  quantize(reference::policy{}, scheme, x.view(), x_codes.view());
  quantize(reference::policy{}, scheme, w.view(), w_codes.view());
  CAPTURE(Arch::name, m, n, k);
  CHECK(same_bytes(product(on<Arch>{}, scheme, x_codes, w_codes, k),
                   product(reference::policy{}, scheme, x_codes, w_codes, k)));
}

}  // namespace

using outside = std::tuple<four_floats, cpu::xsimd_isa<>>;

TEMPLATE_LIST_TEST_CASE("lanes of an instruction set from outside are exchanged, and take signs", "", outside) {
  using lanes = cpu::float_lanes<TestType>;
  float start[lanes::width];
  std::int8_t signs[lanes::width];
  for (std::size_t i = 0; i < lanes::width; ++i) {
    start[i] = i == 1 ? -0.0F : i == 2 ? std::bit_cast<float>(0x7fc12345U) : static_cast<float>(i);
    signs[i] = i % 3 == 0 ? -1 : 1;
  }
  float found[lanes::width];
  cpu::exchange<1>(lanes::load(start)).store(found);
  for (std::size_t i = 0; i < lanes::width; ++i) {
    CHECK(std::bit_cast<std::uint32_t>(found[i]) == std::bit_cast<std::uint32_t>(start[i ^ 1]));
  }
  cpu::with_signs(lanes::load(start), signs).store(found);
  for (std::size_t i = 0; i < lanes::width; ++i) {
    std::uint32_t const flip = signs[i] < 0 ? 0x80000000U : 0U;
    CHECK(std::bit_cast<std::uint32_t>(found[i]) == (std::bit_cast<std::uint32_t>(start[i]) ^ flip));
  }
}

TEMPLATE_LIST_TEST_CASE("an instruction set from outside gives the codes and values of the reference", "", outside) {
  for (std::size_t const n : {1U, 2U, 15U, 31U, 32U, 33U, 64U, 100U, 257U, 4096U}) {
    compare_codes<TestType, float>(n);
    compare_codes<TestType, half>(n);
    compare_codes<TestType, bfloat16>(n);
  }
}

TEMPLATE_LIST_TEST_CASE("an instruction set from outside multiplies codes as the reference does", "", outside) {
  compare_products<TestType>(1, 1, 32);
  compare_products<TestType>(5, 7, 96);
  compare_products<TestType>(3, 40, 256);
}

TEMPLATE_LIST_TEST_CASE("an instruction set from outside packs codes", "", outside) {
  for (std::size_t const n : {1U, 31U, 64U, 129U}) {
    matrix<std::int8_t> codes(2, n);
    for (std::size_t j = 0; j < 2 * n; ++j) {
      codes.data()[j] = static_cast<std::int8_t>(static_cast<int>(j * 7 % 16) - 8);
    }
    matrix<std::uint8_t> packed(2, packed_columns(n));
    matrix<std::int8_t> again(2, n);
    pack(on<TestType>{}, codes.view(), packed.view());
    unpack(on<TestType>{}, int4_scheme{}, packed.view(), again.view());
    CHECK(same_bytes(codes, again));
  }
}

TEMPLATE_LIST_TEST_CASE("an instruction set from outside rotates rows by every kind of base matrix", "", outside) {
  for (std::size_t const n :
       {1U, 2U, 8U, 64U, 128U, 512U, 2048U, 8192U, 48U, 28U * 16, 6144U, 52U * 2, 76U * 4, 44U * 8, 60U * 4, 172U}) {
    randomized_hadamard const rotation(n, 5);
    matrix<float> const start = gaussian_matrix<float>(3, n, n);
    matrix<float> own = start;
    matrix<float> portable = start;
    for (bool const transpose : {false, true}) {
      CAPTURE(TestType::name, n, transpose);
      if (transpose) {
        apply(on<TestType>{}, transposed(rotation), own.view());
        apply(on<cpu::portable>{}, transposed(rotation), portable.view());
      } else {
        apply(on<TestType>{}, rotation, own.view());
        apply(on<cpu::portable>{}, rotation, portable.view());
      }
      double difference = 0;
      for (std::size_t i = 0; i < start.rows(); ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          difference = std::max(difference, std::abs(static_cast<double>(own(i, j)) - portable(i, j)));
        }
      }
      CHECK(difference < 5e-6);
    }
  }
}

TEMPLATE_LIST_TEST_CASE("an instruction set from outside rotates and quantizes to the bytes of the two steps", "",
                        outside) {
  for (std::size_t const n : {64U, 4096U, 96U}) {
    randomized_hadamard const rotation(n, 7);
    auto const x = gaussian_matrix<float>(3, n, 11);
    int4_scheme const scheme{true, 32, 1.0F};
    int4_codes<std::uint8_t> expected(scheme, 3, n);
    int4_codes<std::uint8_t> found(scheme, 3, n);
    matrix<float> rotated = x;
    apply(on<TestType>{}, rotation, rotated.view());
    quantize(on<TestType>{}, scheme, rotated.view(), expected.view());
    rotate_quantize(on<TestType>{}, rotation, scheme, x.view(), found.view());
    CHECK(found == expected);
  }
}
