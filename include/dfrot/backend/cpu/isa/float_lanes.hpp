#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/isa/lane_memory.hpp>
#include <dfrot/backend/cpu/isa/xsimd_compat.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Adding this to a float of magnitude below 2^22, and subtracting it again, rounds to an integer, ties to even; the
/// sum alone holds that integer in the low bits of its significand.
inline constexpr float rounding_magic = 0x1.8p23F;

/// Whether values of type T have kernels in the registers of Arch; the others have plain loops.
template <class Arch, class T>
inline constexpr bool in_registers = !std::is_same_v<Arch, portable> && !std::is_same_v<std::remove_const_t<T>, double>;

/// One register of floats of an instruction set: the same few operations for every Arch.
/// Memory may hold float, half or bfloat16 (see lane_memory), at any alignment. The portable one is an array, and its
/// fma() need not be fused; all others are exact to the bit of IEEE 754. Trivially copyable.
/// Example: auto const y = fma(lanes::load(x), lanes::broadcast(2.0F), lanes::zero()); y.store(out);
template <class Arch>
struct float_lanes;

#if DFROT_CPU_AVX2 || DFROT_CPU_NEON

template <class Arch>
struct float_lanes {
  using batch = xsimd::batch<float, xsimd_arch<Arch>>;
  using memory = lane_memory<Arch>;
  using reg = typename memory::reg;
  static constexpr std::size_t width = memory::width;
  static_assert(width == batch::size);

  batch value;

  static float_lanes of(reg value) { return {batch(value)}; }
  static float_lanes broadcast(float value) { return {batch(value)}; }
  static float_lanes zero() { return {batch(0.0F)}; }
  [[nodiscard]] reg raw() const { return value; }

  template <storage T>
  static float_lanes load(T const* from) {
    return of(memory::load(from));
  }
  template <storage T>
  void store(T* to) const {
    memory::store(raw(), to);
  }

  /// The first `count` lanes from memory, and zeros; no other memory is read. @pre count <= width
  template <storage T>
  static float_lanes load(T const* from, std::size_t count) {
    if constexpr (memory::masked) {
      return of(memory::load(from, count));
    } else {
      T all[width] = {};
      std::copy_n(from, count, all);
      return load(all);
    }
  }

  /// The first `count` lanes to memory; no other memory is written. @pre count <= width
  template <storage T>
  void store(T* to, std::size_t count) const {
    if constexpr (memory::masked) {
      memory::store(raw(), to, count);
    } else {
      T all[width];
      store(all);
      std::copy_n(all, count, to);
    }
  }

  friend float_lanes operator+(float_lanes a, float_lanes b) { return {a.value + b.value}; }
  friend float_lanes operator-(float_lanes a, float_lanes b) { return {a.value - b.value}; }
  friend float_lanes operator*(float_lanes a, float_lanes b) { return {a.value * b.value}; }
  friend float_lanes min(float_lanes a, float_lanes b) { return {xsimd::min(a.value, b.value)}; }
  friend float_lanes max(float_lanes a, float_lanes b) { return {xsimd::max(a.value, b.value)}; }
  friend float_lanes abs(float_lanes a) { return {xsimd::abs(a.value)}; }
  /// a b + c, rounded once.
  friend float_lanes fma(float_lanes a, float_lanes b, float_lanes c) { return {fused(a.value, b.value, c.value)}; }
  /// c - a b, rounded once.
  friend float_lanes fnma(float_lanes a, float_lanes b, float_lanes c) {
    return {fused_negated(a.value, b.value, c.value)};
  }
};

#endif

/// The same on an array, in loops that compilers unroll and vectorize.
template <>
struct float_lanes<portable> {
  static constexpr std::size_t width = 8;

  float value[width];

  static float_lanes broadcast(float value) {
    return map([value](std::size_t) { return value; });
  }
  static float_lanes zero() { return broadcast(0.0F); }

  template <storage T>
  static float_lanes load(T const* from) {
    return map([from](std::size_t i) { return dfrot::load(from[i]); });
  }
  template <storage T>
  void store(T* to) const {
    store(to, width);
  }
  template <storage T>
  static float_lanes load(T const* from, std::size_t count) {
    return map([from, count](std::size_t i) { return i < count ? dfrot::load(from[i]) : 0.0F; });
  }
  template <storage T>
  void store(T* to, std::size_t count) const {
    std::transform(value, value + count, to, [](float lane) { return dfrot::store<T>(lane); });
  }

  friend float_lanes operator+(float_lanes const& a, float_lanes const& b) {
    return map([&](std::size_t i) { return a.value[i] + b.value[i]; });
  }
  friend float_lanes operator-(float_lanes const& a, float_lanes const& b) {
    return map([&](std::size_t i) { return a.value[i] - b.value[i]; });
  }
  friend float_lanes operator*(float_lanes const& a, float_lanes const& b) {
    return map([&](std::size_t i) { return a.value[i] * b.value[i]; });
  }
  friend float_lanes min(float_lanes const& a, float_lanes const& b) {
    return map([&](std::size_t i) { return b.value[i] < a.value[i] ? b.value[i] : a.value[i]; });
  }
  friend float_lanes max(float_lanes const& a, float_lanes const& b) {
    return map([&](std::size_t i) { return b.value[i] > a.value[i] ? b.value[i] : a.value[i]; });
  }
  friend float_lanes abs(float_lanes const& a) {
    return map([&](std::size_t i) { return a.value[i] < 0.0F ? -a.value[i] : a.value[i] + 0.0F; });
  }
  friend float_lanes fma(float_lanes const& a, float_lanes const& b, float_lanes const& c) { return a * b + c; }
  friend float_lanes fnma(float_lanes const& a, float_lanes const& b, float_lanes const& c) { return c - a * b; }

 private:
  template <class Lane>
  static float_lanes map(Lane const& lane) {
    float_lanes result;
    for (std::size_t i = 0; i < width; ++i) {
      result.value[i] = lane(i);
    }
    return result;
  }
};

/// The largest lane. @pre no lane is NaN
template <class Arch>
[[nodiscard]] float max_of(float_lanes<Arch> a) {
  float lane[float_lanes<Arch>::width];
  a.store(lane);
  return *std::max_element(lane, lane + float_lanes<Arch>::width);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
