#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;

namespace {

/// Values of every kind: ordinary, ties of the rounding to 16 bits, subnormal, large, infinite, NaN.
std::vector<float> telling_floats() {
  std::vector<float> result;
  for (std::uint32_t upper = 0; upper < 0x10000U; upper += 37) {
    for (std::uint32_t const lower : {0x0000U, 0x0fffU, 0x1000U, 0x3000U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU}) {
      result.push_back(std::bit_cast<float>(upper << 16U | lower));
    }
  }
  result.resize(result.size() / 16 * 16);
  return result;
}

bool same_bits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

}  // namespace

TEMPLATE_LIST_TEST_CASE("lanes convert as numbers do one by one, to the bit", "", test::instruction_sets) {
  using lanes = cpu::float_lanes<TestType>;
  auto const check = [](auto stored_type) {
    using T = decltype(stored_type);
    auto const values = telling_floats();
    for (std::size_t first = 0; first + lanes::width <= values.size(); first += lanes::width) {
      T found[lanes::width];
      lanes::load(&values[first]).store(found);
      for (std::size_t i = 0; i < lanes::width; ++i) {
        REQUIRE(found[i].bits == T(values[first + i]).bits);
      }
    }
    for (std::uint32_t first = 0; first < 0x10000U; first += lanes::width) {
      T stored[lanes::width];
      for (std::uint32_t i = 0; i < lanes::width; ++i) {
        stored[i].bits = static_cast<std::uint16_t>(first + i);
      }
      float found[lanes::width];
      lanes::load(stored).store(found);
      for (std::size_t i = 0; i < lanes::width; ++i) {
        auto const expected = static_cast<float>(stored[i]);
        REQUIRE((same_bits(found[i], expected) || (std::isnan(found[i]) && std::isnan(expected))));
      }
    }
  };
  check(half{});
  check(bfloat16{});
}

TEMPLATE_LIST_TEST_CASE("partial loads and stores touch only their own memory", "", test::instruction_sets) {
  using lanes = cpu::float_lanes<TestType>;
  auto const check = [](auto stored_type) {
    using T = decltype(stored_type);
    for (std::size_t count = 0; count <= lanes::width; ++count) {
      // The memory ends where the run does, so that the address sanitizer sees a read or a write behind it.
      auto const values = test::gaussian_matrix<T>(1, count + 1, 3);
      std::vector<T> const from(values.data(), values.data() + count);
      auto const loaded = lanes::load(from.data(), count);
      float all[lanes::width];
      loaded.store(all);
      std::vector<T> to(count);
      loaded.store(to.data(), count);
      for (std::size_t i = 0; i < lanes::width; ++i) {
        REQUIRE(all[i] == (i < count ? load(from[i]) : 0.0F));
      }
      REQUIRE((count == 0 || std::memcmp(from.data(), to.data(), count * sizeof(T)) == 0));
    }
  };
  check(float{});
  check(half{});
  check(bfloat16{});
}

TEMPLATE_LIST_TEST_CASE("lanes calculate", "", test::instruction_sets) {
  using lanes = cpu::float_lanes<TestType>;
  auto const x = test::gaussian_matrix<float>(3, lanes::width, 9);
  auto const a = lanes::load(x.data());
  auto const b = lanes::load(x.data() + lanes::width);
  auto const c = lanes::load(x.data() + 2 * lanes::width);
  auto const each = [&](lanes const& found, auto const& formula) {
    float value[lanes::width];
    found.store(value);
    for (std::size_t i = 0; i < lanes::width; ++i) {
      float const expected = formula(x(0, i), x(1, i), x(2, i));
      REQUIRE(std::fabs(value[i] - expected) <= 2e-7F);
      REQUIRE((!cpu::has<TestType, cpu::avx2> || value[i] == expected));
    }
  };
  each(a + b, [](float p, float q, float) { return p + q; });
  each(a - b, [](float p, float q, float) { return p - q; });
  each(a * b, [](float p, float q, float) { return p * q; });
  each(min(a, b), [](float p, float q, float) { return std::min(p, q); });
  each(max(a, b), [](float p, float q, float) { return std::max(p, q); });
  each(fma(a, b, c), [](float p, float q, float r) { return std::fma(p, q, r); });
  each(fnma(a, b, c), [](float p, float q, float r) { return std::fma(-p, q, r); });
  each(lanes::broadcast(2.5F), [](float, float, float) { return 2.5F; });
  each(lanes::zero(), [](float, float, float) { return 0.0F; });
}
