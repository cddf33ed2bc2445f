#pragma once

// The instruction set that docs/writing-an-instruction-set.md adds from outside the library: registers of four floats, in vectors
// of g++ and clang++, on any processor.

#include <cmath>
#include <cstddef>
#include <cstring>

#include <dfrot/backend/cpu/isa/registers.hpp>

// [tag]
/// Registers of four floats. What the library has written for its own instruction sets has a body for any other.
struct four_floats : dfrot::cpu::portable {
  static constexpr char const* name = "four floats";
};
// [tag]

// [registers]
template <>
struct dfrot::cpu::float_registers<four_floats> {
  using reg = float __attribute__((vector_size(16)));
  static constexpr std::size_t width = 4;

  static reg broadcast(float x) { return reg{x, x, x, x}; }
  static reg load(float const* from) {
    reg a;
    std::memcpy(&a, from, sizeof a);
    return a;
  }
  static void store(reg a, float* to) { std::memcpy(to, &a, sizeof a); }
  static reg add(reg a, reg b) { return a + b; }
  static reg subtract(reg a, reg b) { return a - b; }
  static reg multiply(reg a, reg b) { return a * b; }
  static reg min(reg a, reg b) { return a < b ? a : b; }
  static reg max(reg a, reg b) { return a > b ? a : b; }
  static reg fma(reg a, reg b,
                 reg c) {  // rounded once: a * b + c would be rounded twice where the processor has no fma
    for (std::size_t i = 0; i < width; ++i) {
      c[i] = std::fma(a[i], b[i], c[i]);
    }
    return c;
  }
  static reg fnma(reg a, reg b, reg c) { return fma(-a, b, c); }
};
// [registers]
