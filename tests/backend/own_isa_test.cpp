// An instruction set from outside the library: a tag of its own with a register of four floats, and nothing else. What the
// library has written for its own instruction sets has a body for any other.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace {

struct four_floats : dfrot::cpu::portable {
  static constexpr char const* name = "four floats";
};

}  // namespace

template <>
struct dfrot::cpu::float_lanes<four_floats> {
  static constexpr std::size_t width = 4;
  using reg = float __attribute__((vector_size(16)));  // of g++ and clang++, on any processor

  reg value;

  static float_lanes broadcast(float x) { return {reg{x, x, x, x}}; }
  static float_lanes zero() { return broadcast(0.0F); }
  static float_lanes load(float const* from) {
    float_lanes x;
    std::memcpy(&x.value, from, sizeof x.value);
    return x;
  }
  void store(float* to) const { std::memcpy(to, &value, sizeof value); }
  static float_lanes load(float const* from, std::size_t count) {
    float lane[width] = {};
    std::copy_n(from, count, lane);
    return load(lane);
  }
  void store(float* to, std::size_t count) const {
    float lane[width];
    store(lane);
    std::copy_n(lane, count, to);
  }

  friend float_lanes operator+(float_lanes a, float_lanes b) { return {a.value + b.value}; }
  friend float_lanes operator-(float_lanes a, float_lanes b) { return {a.value - b.value}; }
  friend float_lanes operator*(float_lanes a, float_lanes b) { return {a.value * b.value}; }
  friend float_lanes fma(float_lanes a, float_lanes b, float_lanes c) { return a * b + c; }
  friend float_lanes fnma(float_lanes a, float_lanes b, float_lanes c) { return c - a * b; }
};

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

std::array<float, 4> lanes_of(cpu::float_lanes<four_floats> x) { return std::bit_cast<std::array<float, 4>>(x); }

}  // namespace

TEST_CASE("lanes of an instruction set from outside are exchanged") {
  using lanes = cpu::float_lanes<four_floats>;
  lanes const x{{0.0F, 1.0F, 2.0F, 3.0F}};
  CHECK(lanes_of(cpu::exchange<1>(x)) == std::array<float, 4>{1, 0, 3, 2});
  CHECK(lanes_of(cpu::exchange<2>(x)) == std::array<float, 4>{2, 3, 0, 1});
}

TEST_CASE("signs of an instruction set from outside change nothing but the sign") {
  using lanes = cpu::float_lanes<four_floats>;
  std::int8_t const signs[4] = {-1, 1, -1, 1};
  float const nan = std::bit_cast<float>(0x7fc12345U);
  auto const y = lanes_of(cpu::with_signs(lanes{{0.0F, -0.0F, nan, nan}}, signs));
  CHECK(std::bit_cast<std::array<std::uint32_t, 4>>(y) ==
        std::array<std::uint32_t, 4>{0x80000000U, 0x80000000U, 0xffc12345U, 0x7fc12345U});
}

TEST_CASE("an instruction set from outside rotates rows by every kind of base matrix") {
  for (std::size_t const n :
       {1U, 2U, 8U, 64U, 128U, 512U, 2048U, 8192U, 48U, 28U * 16, 6144U, 52U * 2, 76U * 4, 44U * 8, 60U * 4, 172U}) {
    randomized_hadamard const rotation(n, 5);
    matrix<float> const start = gaussian_matrix<float>(3, n, n);
    matrix<float> own = start;
    matrix<float> portable = start;
    for (bool const transpose : {false, true}) {
      CAPTURE(four_floats::name, n, transpose);
      if (transpose) {
        apply(cpu::basic_policy<four_floats>{1}, transposed(rotation), own.view());
        apply(cpu::basic_policy<cpu::portable>{1}, transposed(rotation), portable.view());
      } else {
        apply(cpu::basic_policy<four_floats>{1}, rotation, own.view());
        apply(cpu::basic_policy<cpu::portable>{1}, rotation, portable.view());
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
