#pragma once

#include <tuple>
#include <type_traits>

// What this translation unit's -m flags allow, 0 or 1; the library itself never adds a flag. AVX2 comes with fused
// multiply-add and half-precision conversion, AVX-512 with bytes, words and doublewords at every length.
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define DFROT_CPU_AVX2 1
#else
#define DFROT_CPU_AVX2 0
#endif
#if DFROT_CPU_AVX2 && defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define DFROT_CPU_AVX512 1
#else
#define DFROT_CPU_AVX512 0
#endif
#if DFROT_CPU_AVX512 && defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
#define DFROT_CPU_AVX512_VNNI 1
#else
#define DFROT_CPU_AVX512_VNNI 0
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
#define DFROT_CPU_NEON 1
#else
#define DFROT_CPU_NEON 0
#endif

// DFROT_CPU_ISA names an inline namespace after those flags. All of backend/cpu lives in it, policies included, so that the
// symbols of translation units built with different flags differ: a program may link both, and each runs its own code.
// Portable code counts, too: the compiler puts into it whatever its flags allow.
#if DFROT_CPU_AVX512_VNNI
#define DFROT_CPU_ISA isa_avx512_vnni
#elif DFROT_CPU_AVX512
#define DFROT_CPU_ISA isa_avx512
#elif DFROT_CPU_AVX2
#define DFROT_CPU_ISA isa_avx2
#elif DFROT_CPU_NEON && defined(__ARM_FEATURE_DOTPROD)
#define DFROT_CPU_ISA isa_neon_dotprod
#elif DFROT_CPU_NEON
#define DFROT_CPU_ISA isa_neon
#elif defined(__AVX__)
#define DFROT_CPU_ISA isa_portable_avx
#elif defined(__SSE4_1__)
#define DFROT_CPU_ISA isa_portable_sse4
#elif defined(__SSSE3__)
#define DFROT_CPU_ISA isa_portable_ssse3
#else
#define DFROT_CPU_ISA isa_portable
#endif

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// The instruction sets that kernels are written for. They are tags, declared everywhere; available_isas lists those that
// this translation unit can compile.

/// Plain C++: runs everywhere.
struct portable {
  static constexpr char const* name = "portable";
};
/// 256-bit registers: Haswell, Zen and newer.
struct avx2 : portable {
  static constexpr char const* name = "AVX2";
};
/// 512-bit registers: Skylake-X and newer.
struct avx512 : avx2 {
  static constexpr char const* name = "AVX-512";
};
/// 512-bit registers with byte permutations and integer dot products: Ice Lake, Zen 4 and newer.
struct avx512_vnni : avx512 {
  static constexpr char const* name = "AVX-512 VNNI";
};
/// 128-bit registers of 64-bit ARM; integer dot products where the flags allow them.
struct neon : portable {
  static constexpr char const* name = "NEON";
};

/// True if code for Arch may use what Base has: avx512 has all of avx2, and everything has all of portable.
template <class Arch, class Base>
inline constexpr bool has = std::is_base_of_v<Base, Arch>;

/// The instruction set whose kernels Arch uses for floats: VNNI adds nothing to AVX-512 there.
template <class Arch>
using float_isa = std::conditional_t<has<Arch, avx512>, avx512, Arch>;

/// available_isas: what this translation unit can compile, portable first.   native: the best of them.
#if DFROT_CPU_AVX512_VNNI
using available_isas = std::tuple<portable, avx2, avx512, avx512_vnni>;
using native = avx512_vnni;
#elif DFROT_CPU_AVX512
using available_isas = std::tuple<portable, avx2, avx512>;
using native = avx512;
#elif DFROT_CPU_AVX2
using available_isas = std::tuple<portable, avx2>;
using native = avx2;
#elif DFROT_CPU_NEON
using available_isas = std::tuple<portable, neon>;
using native = neon;
#else
using available_isas = std::tuple<portable>;
using native = portable;
#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
