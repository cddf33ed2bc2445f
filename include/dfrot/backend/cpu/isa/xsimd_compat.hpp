#pragma once

#include <dfrot/backend/cpu/isa/intrinsics.hpp>  // before xsimd, which includes them, too
#include <dfrot/backend/cpu/isa/isa.hpp>

// xsimd, 8.1 to 14, for the instruction sets that have registers; portable code goes without.
#if DFROT_CPU_AVX2 || DFROT_CPU_NEON
#pragma push_macro("I")  // of <complex.h>, and a template parameter of xsimd
#undef I
#include <xsimd/xsimd.hpp>
#pragma pop_macro("I")

static_assert(XSIMD_VERSION_MAJOR > 8 || (XSIMD_VERSION_MAJOR == 8 && XSIMD_VERSION_MINOR >= 1),
              "dfrot needs xsimd 8.1 or newer");
#endif

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

template <class Arch>
struct xsimd_arch_of {};
#if DFROT_CPU_AVX2
template <>
struct xsimd_arch_of<avx2> {
  using type = xsimd::fma3<xsimd::avx2>;
};
#endif
#if DFROT_CPU_AVX512
template <>
struct xsimd_arch_of<avx512> {
  using type = xsimd::avx512bw;
};
template <>
struct xsimd_arch_of<avx512_vnni> : xsimd_arch_of<avx512> {};
#endif
#if DFROT_CPU_NEON
template <>
struct xsimd_arch_of<neon> {
  using type = xsimd::neon64;
};
#endif

}  // namespace detail

/// xsimd's name for the registers of Arch; none for portable.
template <class Arch>
using xsimd_arch = typename detail::xsimd_arch_of<Arch>::type;

#if DFROT_CPU_AVX2 || DFROT_CPU_NEON

/// a b + c, rounded once. (xsimd 8.1 multiplies and adds for AVX-512, which rounds twice.)
template <class T, class A>
[[nodiscard]] xsimd::batch<T, A> fused(xsimd::batch<T, A> a, xsimd::batch<T, A> b, xsimd::batch<T, A> c) {
  return xsimd::fma(a, b, c);
}

/// c - a b, rounded once.
template <class T, class A>
[[nodiscard]] xsimd::batch<T, A> fused_negated(xsimd::batch<T, A> a, xsimd::batch<T, A> b, xsimd::batch<T, A> c) {
  return xsimd::fnma(a, b, c);
}

#endif
#if DFROT_CPU_AVX512

using float_16 = xsimd::batch<float, xsimd::avx512bw>;
using double_8 = xsimd::batch<double, xsimd::avx512bw>;
[[nodiscard]] inline float_16 fused(float_16 a, float_16 b, float_16 c) { return {_mm512_fmadd_ps(a, b, c)}; }
[[nodiscard]] inline double_8 fused(double_8 a, double_8 b, double_8 c) { return {_mm512_fmadd_pd(a, b, c)}; }
[[nodiscard]] inline float_16 fused_negated(float_16 a, float_16 b, float_16 c) { return {_mm512_fnmadd_ps(a, b, c)}; }

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
