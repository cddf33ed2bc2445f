#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Swaps lanes i and i ^ Distance, Distance = 1, 2, 4 … width / 2: through memory, unless the instruction set has an overload below.
template <std::size_t Distance, class Arch>
[[nodiscard]] float_lanes<Arch> exchange(float_lanes<Arch> a) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  static_assert(Distance < width && (Distance & (Distance - 1)) == 0);
  float lane[width];
  a.store(lane);
  for (std::size_t i = 0; i < width; i += 2 * Distance) {
    std::swap_ranges(lane + i, lane + i + Distance, lane + i + Distance);
  }
  return float_lanes<Arch>::load(lane);
}

#if DFROT_CPU_AVX2
/// The same in one instruction.
template <std::size_t Distance, class Arch>
requires(has<Arch, avx2> && !has<Arch, avx512>) [[nodiscard]] float_lanes<Arch> exchange(float_lanes<Arch> a) {
  using lanes = float_lanes<Arch>;
  static_assert(Distance == 1 || Distance == 2 || Distance == 4);
  if constexpr (Distance == 1) {
    return lanes::of(_mm256_permute_ps(a.raw(), 0xB1));
  } else if constexpr (Distance == 2) {
    return lanes::of(_mm256_permute_ps(a.raw(), 0x4E));
  } else {
    return lanes::of(_mm256_permute2f128_ps(a.raw(), a.raw(), 1));
  }
}
#endif

#if DFROT_CPU_AVX512
/// The same in one instruction.
template <std::size_t Distance, class Arch>
requires(has<Arch, avx512>) [[nodiscard]] float_lanes<Arch> exchange(float_lanes<Arch> a) {
  using lanes = float_lanes<Arch>;
  static_assert(Distance == 1 || Distance == 2 || Distance == 4 || Distance == 8);
  if constexpr (Distance == 1) {
    return lanes::of(_mm512_permute_ps(a.raw(), 0xB1));
  } else if constexpr (Distance == 2) {
    return lanes::of(_mm512_permute_ps(a.raw(), 0x4E));
  } else if constexpr (Distance == 4) {
    return lanes::of(_mm512_shuffle_f32x4(a.raw(), a.raw(), 0xB1));
  } else {
    return lanes::of(_mm512_shuffle_f32x4(a.raw(), a.raw(), 0x4E));
  }
}
#endif

#if DFROT_CPU_NEON
/// The same in one instruction.
template <std::size_t Distance, class Arch>
requires(has<Arch, neon>) [[nodiscard]] float_lanes<Arch> exchange(float_lanes<Arch> a) {
  using lanes = float_lanes<Arch>;
  static_assert(Distance == 1 || Distance == 2);
  if constexpr (Distance == 1) {
    return lanes::of(vrev64q_f32(a.raw()));
  } else {
    return lanes::of(vextq_f32(a.raw(), a.raw(), 2));
  }
}
#endif

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

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
