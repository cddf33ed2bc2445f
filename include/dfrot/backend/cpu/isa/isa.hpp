#pragma once

#include <tuple>
#include <type_traits>

#include <dfrot/config.hpp>

// Said once a translation unit, and never an error: under -Werror, the pragmas around it keep it a warning of clang++.
#if defined(__x86_64__) && !DFROT_CPU_AVX2 && !DFROT_PORTABLE && !defined(__CUDACC__)
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic warning "-W#pragma-messages"
#endif
#pragma message(                                                                                                             \
    "dfrot: compiled without AVX2, its kernels are several times slower: add -march=native, or -mavx2 -mfma -mf16c for any " \
    "processor since 2013 (-DDFROT_PORTABLE=1 if this is meant)")
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
#endif

// All of backend/cpu lives in an inline namespace named after the -m flags, policies included (see config.hpp). Portable code
// counts, too: the compiler puts into it whatever its flags allow.
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
