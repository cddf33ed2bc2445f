#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/lane_exchange.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Calls body(integral_constant 0) … body(integral_constant Count - 1): a loop whose index is a constant, so that arrays of
/// registers stay registers. Unlike detail::unroll() it leaves inlining to the pass (gnu::flatten), which inlines all levels at
/// once: g++ 12 gives arrays an address, and takes twice the time, if the loops are inlined before the levels between them.
template <std::size_t Count, class Body>
void unrolled(Body const& body) {
  [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    (body(std::integral_constant<std::size_t, Index>{}), ...);
  }
  (std::make_index_sequence<Count>{});
}

/// Keeps these values, if they are four, where they stand in the order of instructions (compilers would interleave them
/// otherwise).
/// Additions and fused multiply-adds have execution units of their own; on Zen 4 a stream of them runs a quarter faster
/// in pairs (a a f f) than one by one (a f a f).
template <class Arch, std::size_t Count>
void keep_order([[maybe_unused]] float_lanes<Arch> (&values)[Count]) {
#if DFROT_CPU_AVX2 && defined(__GNUC__)
  if constexpr (has<Arch, avx2> && Count == 4) {
    using lanes = float_lanes<Arch>;
    typename lanes::reg registers[4] = {values[0].raw(), values[1].raw(), values[2].raw(), values[3].raw()};
    asm volatile("" : "+v"(registers[0]), "+v"(registers[1]), "+v"(registers[2]), "+v"(registers[3]));
    unrolled<4>([&](auto i) { values[decltype(i)::value] = lanes::of(registers[decltype(i)::value]); });
  }
#endif
}

/// (a, b) <- (a + b, a - b) and the same for (c, d). Fused: the differences are fused multiply-adds, a - one b. Last: the
/// results are stored next, and may take turns with the stores, since Zen 5 stores at most one register a cycle.
template <bool Fused, bool Last, class Arch>
void two_butterflies(float_lanes<Arch>& a, float_lanes<Arch>& b, float_lanes<Arch>& c, float_lanes<Arch>& d,
                     float_lanes<Arch> one) {
  float_lanes<Arch> results[4] = {a + b, c + d, Fused ? fnma(b, one, a) : a - b, Fused ? fnma(d, one, c) : c - d};
  if constexpr (!Last) {
    keep_order(results);
  }
  a = results[0];
  c = results[1];
  b = results[2];
  d = results[3];
}

/// (a, b) <- scale (a + b, a - b) and the same for (c, d): three operations for two values, so that scaling costs half of
/// one a value.
template <class Arch>
void two_scaled_butterflies(float_lanes<Arch>& a, float_lanes<Arch>& b, float_lanes<Arch>& c, float_lanes<Arch>& d,
                            float_lanes<Arch> scale) {
  auto const scaled_a = a * scale;
  auto const scaled_c = c * scale;
  float_lanes<Arch> results[4] = {fma(b, scale, scaled_a), fma(d, scale, scaled_c), fnma(b, scale, scaled_a),
                                  fnma(d, scale, scaled_c)};
  keep_order(results);
  a = results[0];
  c = results[1];
  b = results[2];
  d = results[3];
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
      constexpr bool is_fused = decltype(pair)::value % FusedEvery == 0;
      two_butterflies<is_fused, 2 * Stride == Count>(r[i], r[i + Stride], r[j], r[j + Stride], one);
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

  /// Those of the level between lanes i and i ^ Distance.
  template <std::size_t Distance>
  [[nodiscard]] lanes at() const {
    return Distance == 1 ? one_lane : Distance == 2 ? two_lanes : Distance == 4 ? four_lanes : eight_lanes;
  }
};

/// One level between lanes i and i ^ Distance of a register: x + exchanged x, or exchanged x - x.
template <std::size_t Distance, class Arch>
[[nodiscard]] float_lanes<Arch> lane_level(float_lanes<Arch> x, float_lanes<Arch> signs) {
  return fma(x, signs, exchange<Distance>(x));
}

/// All levels within each of Count registers, four registers at a time. The exchanges of the next four stand before the
/// multiply-adds of these: processors look only some dozens of instructions ahead, and find work for all units so.
template <class Arch, std::size_t Count>
void lane_levels(float_lanes<Arch> (&r)[Count], lane_signs<Arch> const& signs) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  constexpr std::size_t group = std::min<std::size_t>(4, Count);
  constexpr std::size_t steps = Count / group * (width > 8 ? 4 : width > 4 ? 3 : 2);
  constexpr auto distance = [](std::size_t step) { return width / 2 >> step / (Count / group); };
  float_lanes<Arch> exchanged[2][group];
  auto const exchange_group = [&](auto step) {
    constexpr std::size_t s = decltype(step)::value;
    if constexpr (s < steps) {
      unrolled<group>([&](auto i) {
        constexpr std::size_t k = decltype(i)::value;
        exchanged[s % 2][k] = exchange<distance(s)>(r[s * group % Count + k]);
      });
      keep_order(exchanged[s % 2]);
    }
  };
  unrolled<steps>([&](auto step) {
    constexpr std::size_t s = decltype(step)::value;
    if constexpr (s == 0 || Count == group) {
      exchange_group(step);
    }
    if constexpr (Count > group) {
      exchange_group(std::integral_constant<std::size_t, s + 1>{});
    }
    float_lanes<Arch> results[group];
    unrolled<group>([&](auto i) {
      constexpr std::size_t k = decltype(i)::value;
      results[k] = fma(r[s * group % Count + k], signs.template at<distance(s)>(), exchanged[s % 2][k]);
    });
    keep_order(results);
    unrolled<group>([&](auto i) { r[s * group % Count + decltype(i)::value] = results[decltype(i)::value]; });
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
