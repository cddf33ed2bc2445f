#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <vector>

#include "golden/golden.hpp"

// What is exact: the same bytes on every backend and instruction set.

using namespace dfrot;
using namespace dfrot::test;

namespace {

constexpr std::size_t rows = 8;

std::string text_of(int4_scheme const& scheme) {
  return message(scheme.symmetric ? "symmetric" : "asymmetric", " group ", scheme.group, " clip ", scheme.clip);
}

std::vector<int4_scheme> schemes() {
  std::vector<int4_scheme> all;
  for (bool const symmetric : {true, false}) {
    for (std::size_t const group : {0U, 32U, 100U, 128U}) {
      for (float const clip : {1.0F, 0.9F}) {
        all.push_back({symmetric, group, clip});
      }
    }
  }
  return all;
}

/// Codes, packed codes, scales, zero points and values of one scheme, over widths with every kind of remainder.
template <class T, class P>
void check_scheme_bytes(P const& on, int4_scheme const& scheme) {
  using Real = arithmetic_t<T>;
  byte_hash codes;
  byte_hash scales;
  byte_hash values;
  for (std::size_t const n : {1U, 5U, 31U, 64U, 300U, 896U, 4096U}) {
    matrix<T> const x = golden_rows<T>(rows, n);
    std::size_t const groups = group_count(scheme, n);
    matrix<std::int8_t> bytes(rows, n);
    matrix<Real> found(rows, groups);
    matrix<std::int8_t> zeros(rows, scheme.symmetric ? 0 : groups);
    quantize(on, scheme, x.view(), quantized_rows<std::int8_t, Real>{bytes.view(), found.view(), zeros.view()});
    codes.add(bytes.view());
    codes.add(zeros.view());
    scales.add(found.view());
    matrix<std::uint8_t> packed(rows, packed_columns(n));
    quantized_rows<std::uint8_t, Real> const out{packed.view(), found.view(), zeros.view()};
    quantize(on, scheme, x.view(), out);
    codes.add(packed.view());
    codes.add(zeros.view());
    scales.add(found.view());
    matrix<T> back(rows, n);
    dequantize(on, scheme, out, back.view());
    values.add(back.view());
    fake_quantize(on, scheme, x.view(), back.view());
    values.add(back.view());
  }
  std::string const key = message(name_of<T>(), " ", text_of(scheme));
  check_golden(key + ": codes", codes);
  check_golden(key + ": scales", scales);
  check_golden(key + ": values", values);
}

/// Weights and activations in 4 bits, multiplied: sums of integers, and products with scales.
template <class P>
void check_product_bytes(P const& on, int4_scheme const& scheme) {
  byte_hash sums;
  byte_hash products;
  int4_scheme const weight_scheme{true, scheme.group};
  for (std::size_t const k : {1U, 31U, 128U, 300U, 1024U}) {
    std::size_t const n = 37;
    std::size_t const groups = group_count(scheme, k);
    matrix<float> const w = golden_rows<float>(n, k);
    matrix<float> const x = golden_rows<float>(rows, k);
    matrix<std::uint8_t> packed_w(n, packed_columns(k));
    matrix<float> scales_w(n, groups);
    quantize(on, weight_scheme, w.view(), quantized_rows<std::uint8_t, float>{packed_w.view(), scales_w.view(), {}});
    matrix<std::uint8_t> packed_x(rows, packed_columns(k));
    matrix<float> scales_x(rows, groups);
    matrix<std::int8_t> zeros(rows, scheme.symmetric ? 0 : groups);
    quantized_rows<std::uint8_t, float> const quantized{packed_x.view(), scales_x.view(), zeros.view()};
    quantize(on, scheme, x.view(), quantized);
    aligned_vector<std::uint8_t> memory(repacked_weights_size(on, n, k));
    auto const weights =
        repack_weights(on, packed_w.view(), k, vector_view<std::uint8_t>(memory.data(), memory.size()));
    std::vector<std::byte> workspace(
        std::max(gemm_workspace_size(on, scheme, rows, k), gemm_workspace_size(on, {}, rows, k)));
    vector_view<std::byte> const scratch(workspace.data(), workspace.size());
    if (scheme.symmetric) {
      matrix<std::int32_t> exact(rows, n);
      integer_gemm(on, packed_x.view(), weights, exact.view(), scratch);
      sums.add(exact.view());
    }
    matrix<float> out(rows, n);
    gemm(on, scheme, quantized, scaled_weights<P>{weights, scales_w.view()}, out.view(), scratch);
    products.add(out.view());
  }
  if (scheme.symmetric) {
    check_golden("gemm " + text_of(scheme) + ": sums", sums);
  }
  check_golden("gemm " + text_of(scheme) + ": products", products);
}

}  // namespace

TEMPLATE_TEST_CASE("quantized rows have the recorded bytes", "", float, double, half, bfloat16) {
  for (int4_scheme const& scheme : schemes()) {
    check_scheme_bytes<TestType>(reference::policy{}, scheme);
    check_scheme_bytes<TestType>(cpu::policy{2}, scheme);
  }
}

TEST_CASE("products of codes have the recorded bytes") {
  for (int4_scheme const& scheme : schemes()) {
    check_product_bytes(reference::policy{}, scheme);
    check_product_bytes(cpu::policy{2}, scheme);
  }
}

TEST_CASE("random signs have the recorded bytes") {
  byte_hash signs;
  for (std::size_t const n : {1U, 2U, 28U, 576U, 4096U, 11008U}) {
    randomized_hadamard const rotation(n, n + 1);
    signs.add(matrix_view<std::int8_t const>(rotation.signs().data, 1, n));
  }
  check_golden("random signs", signs);
}
