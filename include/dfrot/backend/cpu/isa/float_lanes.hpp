#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/avx2.hpp>
#include <dfrot/backend/cpu/isa/avx512.hpp>
#include <dfrot/backend/cpu/isa/neon.hpp>
#include <dfrot/backend/cpu/isa/registers.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Adding this to a float of magnitude below 2^22, and subtracting it again, rounds to an integer, ties to even; the
/// sum alone holds that integer in the low bits of its significand.
inline constexpr float rounding_magic = 0x1.8p23F;

/// Whether values of type T have kernels in the registers of Arch; the others have plain loops.
template <class Arch, class T>
inline constexpr bool in_registers = !std::is_same_v<Arch, portable> && !std::is_same_v<std::remove_const_t<T>, double>;

/// How many values lie before the next address that is a multiple of Bytes; 0 if they reach none. Registers that lie
/// across two cache lines take twice as long to move.
template <std::size_t Bytes, class T>
[[nodiscard]] std::size_t values_before_boundary(T const* values) {
  std::size_t const behind = reinterpret_cast<std::uintptr_t>(values) % Bytes;
  return behind % sizeof(T) == 0 ? (Bytes - behind) % Bytes / sizeof(T) : 0;
}

namespace detail {

/// Whether float_registers<Arch> can move the first lanes alone.
template <class Registers>
inline constexpr bool is_masked = false;
template <class Registers>
requires requires { Registers::masked; }
inline constexpr bool is_masked<Registers> = Registers::masked;

}  // namespace detail

/// One register of floats of an instruction set: the same few operations for every Arch, on its float_registers.
/// Memory may hold float, half or bfloat16, at any alignment. The portable one is an array, and its fma() need not be fused; all
/// others are exact to the bit of IEEE 754. Trivially copyable.
/// Example: auto const y = fma(lanes::load(x), lanes::broadcast(2.0F), lanes::zero()); y.store(out);
template <class Arch>
struct float_lanes {
  using registers = float_registers<Arch>;
  static_assert(register_set<registers>, "dfrot: float_registers<Arch> lacks what the concept register_set names");
  using reg = typename registers::reg;
  static constexpr std::size_t width = registers::width;

  reg value;

  static float_lanes of(reg value) { return {value}; }
  static float_lanes broadcast(float value) { return {registers::broadcast(value)}; }
  static float_lanes zero() { return broadcast(0.0F); }
  [[nodiscard]] reg raw() const { return value; }

  template <storage T>
  static float_lanes load(T const* from) {
    if constexpr (requires { registers::load(from); }) {
      return {registers::load(from)};
    } else {
      float lane[width];
      std::transform(from, from + width, lane, [](T x) { return dfrot::load(x); });
      return {registers::load(lane)};
    }
  }
  template <storage T>
  void store(T* to) const {
    if constexpr (requires { registers::store(value, to); }) {
      registers::store(value, to);
    } else {
      float lane[width];
      registers::store(value, lane);
      std::transform(lane, lane + width, to, [](float x) { return dfrot::store<T>(x); });
    }
  }

  /// The first `count` lanes from memory, and zeros; no other memory is read. @pre count <= width
  template <storage T>
  static float_lanes load(T const* from, std::size_t count) {
    if constexpr (detail::is_masked<registers>) {
      return {registers::load(from, count)};
    } else {
      T all[width] = {};
      std::copy_n(from, count, all);
      return load(all);
    }
  }

  /// The first `count` lanes to memory; no other memory is written. @pre count <= width
  template <storage T>
  void store(T* to, std::size_t count) const {
    if constexpr (detail::is_masked<registers>) {
      registers::store(value, to, count);
    } else {
      T all[width];
      store(all);
      std::copy_n(all, count, to);
    }
  }

  friend float_lanes operator+(float_lanes a, float_lanes b) { return {registers::add(a.value, b.value)}; }
  friend float_lanes operator-(float_lanes a, float_lanes b) { return {registers::subtract(a.value, b.value)}; }
  friend float_lanes operator*(float_lanes a, float_lanes b) { return {registers::multiply(a.value, b.value)}; }
  friend float_lanes min(float_lanes a, float_lanes b) { return {registers::min(a.value, b.value)}; }
  friend float_lanes max(float_lanes a, float_lanes b) { return {registers::max(a.value, b.value)}; }
  /// a b + c, rounded once.
  friend float_lanes fma(float_lanes a, float_lanes b, float_lanes c) {
    return {registers::fma(a.value, b.value, c.value)};
  }
  /// c - a b, rounded once.
  friend float_lanes fnma(float_lanes a, float_lanes b, float_lanes c) {
    return {registers::fnma(a.value, b.value, c.value)};
  }
};

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

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
