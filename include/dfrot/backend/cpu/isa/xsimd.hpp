#pragma once

#include <dfrot/config.hpp>

#pragma push_macro("I")  // of <complex.h>, and a template parameter of xsimd
#undef I
#include <dfrot/backend/cpu/isa/intrinsics.hpp>  // before xsimd, which includes them, too
#include <xsimd/xsimd.hpp>
#pragma pop_macro("I")

#include <cmath>
#include <cstddef>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/registers.hpp>

static_assert(XSIMD_VERSION_MAJOR > 8 || (XSIMD_VERSION_MAJOR == 8 && XSIMD_VERSION_MINOR >= 1),
              "dfrot needs xsimd 8.1 or newer");

// Registers of any processor that xsimd knows (SVE, RISC-V V, WebAssembly, VSX …): include this header by hand, before the
// operations, and give them basic_policy<xsimd_isa<>>. Nothing else of the library reads xsimd.

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// An instruction set by its xsimd name, by default the best that the compiler's flags allow.
/// Example: gemm(cpu::basic_policy<cpu::xsimd_isa<>>{8}, …);
template <class XsimdArch = xsimd::default_arch>
struct xsimd_isa : portable {
  static constexpr char const* name = "xsimd";
};

/// Arithmetic by xsimd, and fused multiply-adds by std::fma of each lane (see each()). All else is plain loops.
template <class XsimdArch>
struct float_registers<xsimd_isa<XsimdArch>> {
  using reg = xsimd::batch<float, XsimdArch>;
  static constexpr std::size_t width = reg::size;

  static reg broadcast(float value) { return reg(value); }
  static reg load(float const* from) { return reg::load_unaligned(from); }
  static void store(reg a, float* to) { a.store_unaligned(to); }
  static reg add(reg a, reg b) { return a + b; }
  static reg subtract(reg a, reg b) { return a - b; }
  static reg multiply(reg a, reg b) { return a * b; }
  static reg min(reg a, reg b) { return xsimd::min(a, b); }
  static reg max(reg a, reg b) { return xsimd::max(a, b); }
  static reg fma(reg a, reg b, reg c) {
    return each(a, b, c, [](float x, float y, float z) { return std::fma(x, y, z); });
  }
  static reg fnma(reg a, reg b, reg c) {
    return each(a, b, c, [](float x, float y, float z) { return std::fma(-x, y, z); });
  }

 private:
  /// Whether xsimd rounds once is a matter of its version and of the processor: the compiler's own std::fma does, and becomes
  /// the processor's instruction, for all lanes at once, where there is one.
  template <class Lane>
  static reg each(reg a, reg b, reg c, Lane const& lane) {
    float x[width];
    float y[width];
    float z[width];
    store(a, x);
    store(b, y);
    store(c, z);
    for (std::size_t i = 0; i < width; ++i) {
      z[i] = lane(x[i], y[i], z[i]);
    }
    return load(z);
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
