#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/registers.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Swaps lanes i and i ^ Distance, Distance = 1, 2, 4 … width / 2.
template <std::size_t Distance, class Arch>
[[nodiscard]] float_lanes<Arch> exchange(float_lanes<Arch> a) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  static_assert(Distance < width && (Distance & (Distance - 1)) == 0);
  if constexpr (requires { float_registers<Arch>::template exchange<Distance>(a.raw()); }) {
    return {float_registers<Arch>::template exchange<Distance>(a.raw())};
  } else {
    float lane[width];
    a.store(lane);
    for (std::size_t i = 0; i < width; i += 2 * Distance) {
      std::swap_ranges(lane + i, lane + i + Distance, lane + i + Distance);
    }
    return float_lanes<Arch>::load(lane);
  }
}

/// Transposes, in two registers seen as rows of groups of Distance lanes, each block of two by two: of a remain the groups with
/// even numbers, each followed by the same of b; in b come those with odd numbers.
template <std::size_t Distance, class Arch>
void transpose_groups(float_lanes<Arch>& a, float_lanes<Arch>& b) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  static_assert(Distance < width && (Distance & (Distance - 1)) == 0);
  using registers = float_registers<Arch>;
  if constexpr (requires { registers::template even_groups<Distance>(a.raw(), b.raw()); }) {
    auto const even = registers::template even_groups<Distance>(a.raw(), b.raw());
    b.value = registers::template odd_groups<Distance>(a.raw(), b.raw());
    a.value = even;
  } else {
    float upper[width];
    float lower[width];
    a.store(upper);
    b.store(lower);
    for (std::size_t i = 0; i < width; i += 2 * Distance) {
      std::swap_ranges(upper + i + Distance, upper + i + 2 * Distance, lower + i);
    }
    a = float_lanes<Arch>::load(upper);
    b = float_lanes<Arch>::load(lower);
  }
}

/// +1 in the lanes whose index lacks the bit Distance, -1 in the others.
template <std::size_t Distance, class Arch>
[[nodiscard]] float_lanes<Arch> alternating() {
  constexpr std::size_t width = float_lanes<Arch>::width;
  float sign[width];
  for (std::size_t i = 0; i < width; ++i) {
    sign[i] = (i & Distance) == 0 ? 1.0F : -1.0F;
  }
  return float_lanes<Arch>::load(sign);
}

/// x with the signs of as many bytes, each -1 or +1: changes signs alone, so that zeros and NaN keep their payload.
template <class Arch>
[[nodiscard]] float_lanes<Arch> with_signs(float_lanes<Arch> x, std::int8_t const* signs) {
  if constexpr (requires { float_registers<Arch>::with_signs(x.raw(), signs); }) {
    return {float_registers<Arch>::with_signs(x.raw(), signs)};
  } else {
    constexpr std::size_t width = float_lanes<Arch>::width;
    float lane[width];
    x.store(lane);
    std::transform(lane, lane + width, signs, lane,
                   [](float value, std::int8_t sign) { return sign < 0 ? -value : value; });
    return float_lanes<Arch>::load(lane);
  }
}

/// The sum of all lanes: halves of the register first, then their halves.
template <class Arch>
[[nodiscard]] float sum_of(float_lanes<Arch> a) {
  if constexpr (requires { float_registers<Arch>::sum(a.raw()); }) {
    return float_registers<Arch>::sum(a.raw());
  } else {
    constexpr std::size_t width = float_lanes<Arch>::width;
    float lane[width];
    a.store(lane);
    for (std::size_t half_width = width / 2; half_width > 0; half_width /= 2) {
      for (std::size_t i = 0; i < half_width; ++i) {
        lane[i] += lane[i + half_width];
      }
    }
    return lane[0];
  }
}

/// As many doubles as float_lanes has floats, in two registers: for sums that float would spoil. Not for portable.
template <class Arch>
struct double_lanes {
  using registers = double_registers<Arch>;
  using reg = typename registers::reg;

  reg lower = registers::zero();
  reg upper = registers::zero();

  double_lanes() = default;
  /// Every float as a double, exactly.
  explicit double_lanes(float_lanes<Arch> values)
      : lower(registers::lower(values.raw())), upper(registers::upper(values.raw())) {}

  friend double_lanes operator-(double_lanes a, double_lanes const& b) {
    a.lower = registers::subtract(a.lower, b.lower);
    a.upper = registers::subtract(a.upper, b.upper);
    return a;
  }

  /// Adds the square of each lane of a to this one, rounded once.
  void add_square(double_lanes const& a) {
    lower = registers::fma(a.lower, a.lower, lower);
    upper = registers::fma(a.upper, a.upper, upper);
  }

  /// The sum of all lanes, in a fixed order.
  [[nodiscard]] double total() const {
    double lane[registers::width];
    registers::store(registers::add(lower, upper), lane);
    double sum = 0;
    for (double value : lane) {
      sum += value;
    }
    return sum;
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
