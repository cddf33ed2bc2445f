#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/lane_operations.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Keeps these values, if they are four, where they stand in the order of instructions (compilers would interleave them
/// otherwise).
/// Additions and fused multiply-adds have execution units of their own; on Zen 4 a stream of them runs a quarter faster
/// in pairs (a a f f) than one by one (a f a f).
template <class Arch, std::size_t Count>
DFROT_CPU_FLAT void keep_order([[maybe_unused]] float_lanes<Arch> (&values)[Count]) {
#if DFROT_CPU_AVX2 && defined(__GNUC__)
  if constexpr (has<Arch, avx2> && Count == 4) {
    using lanes = float_lanes<Arch>;
    typename lanes::reg registers[4] = {values[0].raw(), values[1].raw(), values[2].raw(), values[3].raw()};
    asm volatile("" : "+v"(registers[0]), "+v"(registers[1]), "+v"(registers[2]), "+v"(registers[3]));
    DFROT_CPU_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
      values[i] = lanes::of(registers[i]);
    }
  }
#endif
}

/// (a, b) <- (a + b, a - b) and the same for (c, d). is_fused: the differences are fused multiply-adds, a - one b. is_last: the
/// results are stored next, and may take turns with the stores, since Zen 5 stores at most one register a cycle.
template <class Arch>
DFROT_CPU_FLAT void two_butterflies(float_lanes<Arch>& a, float_lanes<Arch>& b, float_lanes<Arch>& c,
                                    float_lanes<Arch>& d, float_lanes<Arch> one, bool is_fused, bool is_last) {
  float_lanes<Arch> results[4] = {a + b, c + d, is_fused ? fnma(b, one, a) : a - b, is_fused ? fnma(d, one, c) : c - d};
  if (!is_last) {
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
DFROT_CPU_FLAT void two_scaled_butterflies(float_lanes<Arch>& a, float_lanes<Arch>& b, float_lanes<Arch>& c,
                                           float_lanes<Arch>& d, float_lanes<Arch> scale) {
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

/// One level of the transform between registers i and i + stride. FusedEvery: in one of so many pairs of butterflies,
/// differences are fused, since plain additions alone would leave the units of fused multiply-adds idle. @pre Count >= 4
template <std::size_t FusedEvery, class Arch, std::size_t Count>
DFROT_CPU_FLAT void register_level(float_lanes<Arch> (&r)[Count], std::size_t stride, float_lanes<Arch> one) {
  DFROT_CPU_UNROLL
  for (std::size_t p = 0; p < Count / 2; p += 2) {
    std::size_t const i = p / stride * 2 * stride + p % stride;
    std::size_t const j = (p + 1) / stride * 2 * stride + (p + 1) % stride;
    two_butterflies(r[i], r[i + stride], r[j], r[j + stride], one, p / 2 % FusedEvery == 0, 2 * stride == Count);
  }
}

/// All levels between Count registers, a power of two; the first one multiplies by scale if is_scaled (asked while all of them
/// are in registers: one branch for the whole of their levels).
template <std::size_t FusedEvery, class Arch, std::size_t Count>
DFROT_CPU_FLAT void register_levels(float_lanes<Arch> (&r)[Count], bool is_scaled, float_lanes<Arch> one,
                                    float_lanes<Arch> scale) {
  if constexpr (Count == 1) {
    r[0] = r[0] * scale;
  } else if constexpr (Count == 2) {
    auto const scaled = r[0] * scale;
    r[0] = fma(r[1], scale, scaled);
    r[1] = fnma(r[1], scale, scaled);
  } else {
    if (is_scaled) {
      DFROT_CPU_UNROLL
      for (std::size_t i = 0; i < Count; i += 4) {
        two_scaled_butterflies(r[i], r[i + 1], r[i + 2], r[i + 3], scale);
      }
    } else {
      register_level<FusedEvery>(r, 1, one);
    }
    register_level<FusedEvery>(r, 2, one);
  }
  if constexpr (Count >= 8) {
    register_level<FusedEvery>(r, 4, one);
  }
  if constexpr (Count >= 16) {
    register_level<FusedEvery>(r, 8, one);
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
[[nodiscard]] DFROT_CPU_FLAT float_lanes<Arch> lane_level(float_lanes<Arch> x, float_lanes<Arch> signs) {
  return fma(x, signs, exchange<Distance>(x));
}

/// All levels within groups of Group neighbouring lanes, up to 8: several short transforms in one register.
template <std::size_t Group, class Arch>
[[nodiscard]] DFROT_CPU_FLAT float_lanes<Arch> group_levels(float_lanes<Arch> x, lane_signs<Arch> const& signs) {
  if constexpr (Group > 4) {
    x = lane_level<4>(x, signs.four_lanes);
  }
  if constexpr (Group > 2) {
    x = lane_level<2>(x, signs.two_lanes);
  }
  if constexpr (Group > 1) {
    x = lane_level<1>(x, signs.one_lane);
  }
  return x;
}

/// Registers first, first + 1, … with their lanes exchanged.
template <std::size_t Distance, class Arch, std::size_t Count, std::size_t Group>
DFROT_CPU_FLAT void exchange_group(float_lanes<Arch> const (&r)[Count], std::size_t first,
                                   float_lanes<Arch> (&exchanged)[Group]) {
  DFROT_CPU_UNROLL
  for (std::size_t k = 0; k < Group; ++k) {
    exchanged[k] = exchange<Distance>(r[first + k]);
  }
  keep_order(exchanged);
}

/// One level of them, from their exchanged lanes.
template <class Arch, std::size_t Count, std::size_t Group>
DFROT_CPU_FLAT void add_group(float_lanes<Arch> (&r)[Count], std::size_t first,
                              float_lanes<Arch> const (&exchanged)[Group], float_lanes<Arch> signs) {
  float_lanes<Arch> results[Group];
  DFROT_CPU_UNROLL
  for (std::size_t k = 0; k < Group; ++k) {
    results[k] = fma(r[first + k], signs, exchanged[k]);
  }
  keep_order(results);
  DFROT_CPU_UNROLL
  for (std::size_t k = 0; k < Group; ++k) {
    r[first + k] = results[k];
  }
}

/// The levels between lanes i and i ^ Distance, i ^ (Distance / 2) … i ^ 1. @pre where there are several groups, exchanged[0]
/// holds the first
template <std::size_t Distance, class Arch, std::size_t Count, std::size_t Group>
DFROT_CPU_FLAT void lane_levels_from(float_lanes<Arch> (&r)[Count], float_lanes<Arch> (&exchanged)[2][Group],
                                     lane_signs<Arch> const& signs) {
  constexpr std::size_t groups = Count / Group;
  static_assert(groups == 1 || groups % 2 == 0);
  auto const sign = signs.template at<Distance>();
  if constexpr (groups == 1) {
    exchange_group<Distance>(r, 0, exchanged[0]);
  }
  DFROT_CPU_UNROLL
  for (std::size_t g = 1; g < groups; ++g) {
    exchange_group<Distance>(r, g * Group, exchanged[g % 2]);
    add_group(r, (g - 1) * Group, exchanged[(g - 1) % 2], sign);
  }
  if constexpr (groups > 1 && Distance > 1) {
    exchange_group<Distance / 2>(r, 0, exchanged[0]);
  }
  add_group(r, Count - Group, exchanged[(groups - 1) % 2], sign);
  if constexpr (Distance > 1) {
    lane_levels_from<Distance / 2>(r, exchanged, signs);
  }
}

/// All levels within each of Count registers, four registers at a time. The exchanges of the next four stand before the
/// multiply-adds of these: processors look only some dozens of instructions ahead, and find work for all units so.
template <class Arch, std::size_t Count>
DFROT_CPU_FLAT void lane_levels(float_lanes<Arch> (&r)[Count], lane_signs<Arch> const& signs) {
  constexpr std::size_t farthest = float_lanes<Arch>::width / 2;
  float_lanes<Arch> exchanged[2][std::min<std::size_t>(4, Count)];
  if constexpr (Count > 4) {
    exchange_group<farthest>(r, 0, exchanged[0]);
  }
  lane_levels_from<farthest>(r, exchanged, signs);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
