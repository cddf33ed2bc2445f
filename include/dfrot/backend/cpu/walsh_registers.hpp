#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cpu/float_lanes.hpp>
#include <dfrot/backend/cpu/isa.hpp>
#include <dfrot/backend/cpu/lane_exchange.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Calls body(integral_constant 0) … body(integral_constant Count - 1): a loop whose index is a constant, so that arrays of
/// registers stay registers. Unlike detail::unroll() it leaves inlining to the pass (gnu::flatten), which inlines all levels at
/// once: g++ 12 gives arrays an address, and takes twice the time, if the loops are inlined before the levels between them.
template <std::size_t Count, class Body>
void unrolled(Body const& body) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (body(std::integral_constant<std::size_t, I>{}), ...); }
  (std::make_index_sequence<Count>{});
}

/// Keeps these values where they stand in the order of instructions (compilers would interleave them otherwise).
/// Additions and fused multiply-adds have execution units of their own; on Zen 4 a stream of them runs a quarter faster
/// in pairs (a a f f) than one by one (a f a f).
template <class Arch>
void keep_order([[maybe_unused]] float_lanes<Arch>& a, [[maybe_unused]] float_lanes<Arch>& b,
                [[maybe_unused]] float_lanes<Arch>& c, [[maybe_unused]] float_lanes<Arch>& d) {
#if DFROT_CPU_AVX2 && defined(__GNUC__)
  if constexpr (has<Arch, avx2>) {
    using lanes = float_lanes<Arch>;
    typename lanes::reg registers[4] = {a.raw(), b.raw(), c.raw(), d.raw()};
    asm volatile("" : "+v"(registers[0]), "+v"(registers[1]), "+v"(registers[2]), "+v"(registers[3]));
    a = lanes::of(registers[0]);
    b = lanes::of(registers[1]);
    c = lanes::of(registers[2]);
    d = lanes::of(registers[3]);
  }
#endif
}

/// (a, b) <- (a + b, a - b) and the same for (c, d). Fused: the differences are fused multiply-adds, a - one b.
template <bool Fused, class Arch>
void two_butterflies(float_lanes<Arch>& a, float_lanes<Arch>& b, float_lanes<Arch>& c, float_lanes<Arch>& d,
                     float_lanes<Arch> one) {
  auto sum_ab = a + b;
  auto sum_cd = c + d;
  auto difference_ab = Fused ? fnma(b, one, a) : a - b;
  auto difference_cd = Fused ? fnma(d, one, c) : c - d;
  keep_order(sum_ab, sum_cd, difference_ab, difference_cd);
  a = sum_ab;
  b = difference_ab;
  c = sum_cd;
  d = difference_cd;
}

/// (a, b) <- scale (a + b, a - b) and the same for (c, d): three operations for two values, so that scaling costs half of
/// one a value.
template <class Arch>
void two_scaled_butterflies(float_lanes<Arch>& a, float_lanes<Arch>& b, float_lanes<Arch>& c, float_lanes<Arch>& d,
                            float_lanes<Arch> scale) {
  auto const scaled_a = a * scale;
  auto const scaled_c = c * scale;
  a = fma(b, scale, scaled_a);
  c = fma(d, scale, scaled_c);
  b = fnma(b, scale, scaled_a);
  d = fnma(d, scale, scaled_c);
  keep_order(a, b, c, d);
}

/// One level of the transform between registers i and i + Stride. FusedEvery: in one of so many pairs of butterflies,
/// differences are fused, since plain additions alone would leave the units of fused multiply-adds idle.
template <std::size_t Stride, std::size_t FusedEvery, class Arch, std::size_t Count>
void register_level(float_lanes<Arch> (&r)[Count], float_lanes<Arch> one) {
  if constexpr (Count == 2) {
    auto const sum = r[0] + r[1];
    r[1] = r[0] - r[1];
    r[0] = sum;
  } else {
    unrolled<Count / 4>([&](auto pair) {
      constexpr std::size_t p = 2 * decltype(pair)::value;
      constexpr std::size_t i = p / Stride * 2 * Stride + p % Stride;
      constexpr std::size_t j = (p + 1) / Stride * 2 * Stride + (p + 1) % Stride;
      two_butterflies<decltype(pair)::value % FusedEvery == 0>(r[i], r[i + Stride], r[j], r[j + Stride], one);
    });
  }
}

/// All levels between Count registers, a power of two; the first one multiplies by scale if Scaled.
template <bool Scaled, std::size_t FusedEvery, class Arch, std::size_t Count>
void register_levels(float_lanes<Arch> (&r)[Count], float_lanes<Arch> one, float_lanes<Arch> scale) {
  if constexpr (Scaled && Count == 1) {
    r[0] = r[0] * scale;
  } else if constexpr (Scaled && Count == 2) {
    auto const scaled = r[0] * scale;
    r[0] = fma(r[1], scale, scaled);
    r[1] = fnma(r[1], scale, scaled);
  } else if constexpr (Scaled) {
    unrolled<Count / 4>([&](auto four) {
      constexpr std::size_t i = 4 * decltype(four)::value;
      two_scaled_butterflies(r[i], r[i + 1], r[i + 2], r[i + 3], scale);
    });
  } else if constexpr (Count >= 2) {
    register_level<1, FusedEvery>(r, one);
  }
  if constexpr (Count >= 4) {
    register_level<2, FusedEvery>(r, one);
  }
  if constexpr (Count >= 8) {
    register_level<4, FusedEvery>(r, one);
  }
  if constexpr (Count >= 16) {
    register_level<8, FusedEvery>(r, one);
  }
}

/// The signs of the levels within a register, kept in registers while many are transformed.
template <class Arch>
struct lane_signs {
  using lanes = float_lanes<Arch>;
  static constexpr std::size_t width = lanes::width;
  lanes one_lane = alternating<1, Arch>();
  lanes two_lanes = alternating<2, Arch>();
  lanes four_lanes = alternating<(width > 4 ? 4 : 1), Arch>();
  lanes eight_lanes = alternating<(width > 8 ? 8 : 1), Arch>();
};

/// One level between lanes i and i ^ Distance of a register: x + exchanged x, or exchanged x - x.
template <std::size_t Distance, class Arch>
[[nodiscard]] float_lanes<Arch> lane_level(float_lanes<Arch> x, float_lanes<Arch> signs) {
  return fma(x, signs, exchange<Distance>(x));
}

/// One such level of Count registers: all exchanges first, then the fused multiply-adds.
template <std::size_t Distance, std::size_t Count, class Arch>
void lane_level_of(float_lanes<Arch>* r, float_lanes<Arch> signs) {
  float_lanes<Arch> exchanged[Count];
  unrolled<Count>([&](auto i) { exchanged[decltype(i)::value] = exchange<Distance>(r[decltype(i)::value]); });
  unrolled<Count / 4>([&](auto four) {
    auto* const e = exchanged + 4 * decltype(four)::value;
    keep_order(e[0], e[1], e[2], e[3]);
  });
  unrolled<Count>(
      [&](auto i) { r[decltype(i)::value] = fma(r[decltype(i)::value], signs, exchanged[decltype(i)::value]); });
  unrolled<Count / 4>([&](auto four) {
    auto* const x = r + 4 * decltype(four)::value;
    keep_order(x[0], x[1], x[2], x[3]);
  });
}

/// All levels within each of Count registers, in groups of Group.
template <std::size_t Group, class Arch, std::size_t Count>
void lane_levels(float_lanes<Arch> (&r)[Count], lane_signs<Arch> const& signs) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  constexpr std::size_t group = std::min(Group, Count);
  unrolled<Count / group>([&](auto i) {
    auto* const first = r + group * decltype(i)::value;
    if constexpr (width > 8) {
      lane_level_of<8, group>(first, signs.eight_lanes);
    }
    if constexpr (width > 4) {
      lane_level_of<4, group>(first, signs.four_lanes);
    }
    lane_level_of<2, group>(first, signs.two_lanes);
    lane_level_of<1, group>(first, signs.one_lane);
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
