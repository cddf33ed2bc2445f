#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/cpu/rotate_quantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "golden/golden.hpp"

// What rounds otherwise on another instruction set: rotated rows, with one set of bytes each. And searched scales.

using namespace dfrot;
using namespace dfrot::test;

namespace {

std::string const isa = DFROT_QUOTED(DFROT_CPU_ISA);
constexpr std::size_t rows = 4;
constexpr std::size_t orders[] = {1, 16, 64, 576, 896, 1536, 4096, 5120, 11008, 14336, 32768};

}  // namespace

TEMPLATE_TEST_CASE("rotated rows have the recorded bytes", "", float, half) {
  byte_hash forth;
  byte_hash back;
  for (std::size_t const n : orders) {
    randomized_hadamard const rotation(n, 3);
    matrix<TestType> x = golden_rows<TestType>(rows, n);
    apply(cpu::policy{}, rotation, x.view());
    forth.add(x.view());
    apply(cpu::policy{}, transposed(rotation), x.view());
    back.add(x.view());
  }
  check_golden(message(isa, " rotated ", name_of<TestType>()), forth);
  check_golden(message(isa, " rotated there and back ", name_of<TestType>()), back);
}

TEST_CASE("rows that are rotated and quantized have the recorded bytes") {
  for (int4_scheme const& scheme :
       {int4_scheme{}, int4_scheme{false}, int4_scheme{true, 128}, int4_scheme{false, 128}}) {
    byte_hash bytes;
    for (std::size_t const n : orders) {
      std::size_t const groups = group_count(scheme, n);
      matrix<float> const x = golden_rows<float>(rows, n);
      matrix<std::uint8_t> packed(rows, packed_columns(n));
      matrix<float> scales(rows, groups);
      matrix<std::int8_t> zeros(rows, scheme.symmetric ? 0 : groups);
      rotate_quantize(cpu::policy{2}, randomized_hadamard(n, 3), scheme, x.view(),
                      quantized_rows<std::uint8_t, float>{packed.view(), scales.view(), zeros.view()});
      bytes.add(packed.view());
      bytes.add(scales.view());
      bytes.add(zeros.view());
    }
    check_golden(
        message(isa, " rotate_quantize ", scheme.symmetric ? "symmetric" : "asymmetric", " group ", scheme.group),
        bytes);
  }
}

TEST_CASE("values with searched scales have the recorded bytes") {
  for (bool const symmetric : {true, false}) {
    byte_hash values;
    for (std::size_t const n : {5U, 300U, 4096U}) {
      for (std::size_t const group : {0U, 32U, 128U}) {
        matrix<float> x = golden_rows<float>(rows, n);
        fake_quantize(cpu::policy{}, {symmetric, group, 1, scale_rule::search}, x.view(), x.view());
        values.add(x.view());
      }
    }
    check_golden(message("searched ", symmetric ? "symmetric" : "asymmetric"), values);
  }
}
