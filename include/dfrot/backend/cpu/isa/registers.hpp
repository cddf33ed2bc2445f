#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// The registers of floats of one instruction set: all that the library has to know of it. One specialization, in one file, is a
/// new instruction set (docs/writing-an-instruction-set.md); float_lanes gives every one the same face.
///   reg, width                        a register, and how many floats it holds: 4, 8 or 16
///   broadcast(x)                      x in all lanes
///   load(from), store(a, to)          floats at any address
///   add, subtract, multiply           rounded once, as IEEE 754 says
///   min, max                          of numbers; what becomes of NaN, and of zeros of both signs, is not asked
///   fma(a, b, c), fnma(a, b, c)       a b + c and c - a b, each rounded once: codes are exact by it
/// What may be there, too, and is done through memory or by plain loops otherwise:
///   load, store of half and bfloat16  as the conversions of core/numeric.hpp, but a signalling NaN may come out quiet
///   masked = true                     load(from, count) and store(a, to, count) of the first lanes, which touch no other memory
///   exchange<Distance>(a)             lanes i and i ^ Distance swapped
///   even_groups<Distance>(a, b)       groups 0, 2 … of Distance lanes of a, each followed by the same of b; odd_groups: 1, 3 …
///   with_signs(a, signs)              lanes times as many bytes, each -1 or +1
///   sum(a)                            of all lanes: halves first, then their halves
template <class Arch>
struct float_registers;

/// What float_registers must have.
template <class Registers>
concept register_set = (Registers::width == 4 || Registers::width == 8 || Registers::width == 16) &&
                       std::is_trivially_copyable_v<typename Registers::reg>&& requires(typename Registers::reg a,
                                                                                        float x, float const* from,
                                                                                        float* to) {
  { Registers::broadcast(x) } -> std::same_as<typename Registers::reg>;
  { Registers::load(from) } -> std::same_as<typename Registers::reg>;
  { Registers::add(a, a) } -> std::same_as<typename Registers::reg>;
  { Registers::subtract(a, a) } -> std::same_as<typename Registers::reg>;
  { Registers::multiply(a, a) } -> std::same_as<typename Registers::reg>;
  { Registers::min(a, a) } -> std::same_as<typename Registers::reg>;
  { Registers::max(a, a) } -> std::same_as<typename Registers::reg>;
  { Registers::fma(a, a, a) } -> std::same_as<typename Registers::reg>;
  { Registers::fnma(a, a, a) } -> std::same_as<typename Registers::reg>;
  Registers::store(a, to);
};

/// Registers of doubles, each for half the lanes of a register of floats. Arrays, unless an instruction set has them.
template <class Arch>
struct double_registers {
  using floats = float_registers<Arch>;
  static constexpr std::size_t width = floats::width / 2;
  struct reg {
    double lane[width];
  };

  static reg lower(typename floats::reg a) { return half_of(a, 0); }
  static reg upper(typename floats::reg a) { return half_of(a, width); }
  static reg zero() { return {}; }
  static reg add(reg a, reg b) {
    return each([&](std::size_t i) { return a.lane[i] + b.lane[i]; });
  }
  static reg subtract(reg a, reg b) {
    return each([&](std::size_t i) { return a.lane[i] - b.lane[i]; });
  }
  static reg fma(reg a, reg b, reg c) {
    return each([&](std::size_t i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
  }
  static void store(reg a, double* to) {
    for (std::size_t i = 0; i < width; ++i) {
      to[i] = a.lane[i];
    }
  }

 private:
  template <class Lane>
  static reg each(Lane const& lane) {
    reg result{};
    for (std::size_t i = 0; i < width; ++i) {
      result.lane[i] = lane(i);
    }
    return result;
  }
  static reg half_of(typename floats::reg a, std::size_t first) {
    float lanes[2 * width];
    floats::store(a, lanes);
    return each([&](std::size_t i) { return static_cast<double>(lanes[first + i]); });
  }
};

/// What plain loops do for an instruction set, since nothing is written for it.
struct plain_loops {};

/// True where a kernel's type is written for an instruction set, and is not plain_loops.
template <class Kernel>
inline constexpr bool is_written = !std::is_base_of_v<plain_loops, Kernel>;

/// A register of integers of 16 or 32 bits (U), for the largest one. magnitude() clears the upper bit of each.
/// count_larger(a, b) counts lanes with a > b, both without their upper bits.
/// largest(a, b) takes registers whose lanes are all compared as unsigned numbers.
template <class Arch>
struct bit_lanes : plain_loops {};

/// The largest lane of two registers, as unsigned numbers.
template <class U>
struct largest_lanes {
  U first;
  U second;
};

/// Signs of bytes as bits.
///   of_32(signs)        bit i is set where sign i is negative, of 32
///   of_even_32(signs)   bit i is set where sign 2 i is negative, of 64
template <class Arch>
struct sign_bits {
  static std::uint32_t of_32(std::int8_t const* signs) { return of(signs, 1); }
  static std::uint32_t of_even_32(std::int8_t const* signs) { return of(signs, 2); }

 private:
  static std::uint32_t of(std::int8_t const* signs, std::size_t step) {
    std::uint32_t word = 0;
    for (std::uint32_t i = 0; i < 32; ++i) {
      word |= (static_cast<std::uint32_t>(signs[step * i]) >> 31) << i;
    }
    return word;
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
