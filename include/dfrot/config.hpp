#pragma once

// The library's configuration macros. None of them changes the layout of a type.

// Every header reads this one before anything that needs C++20. An #error would be followed by a thousand others; a file that
// does not exist ends the compilation, and its name is the sentence that the user reads.
#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#include <dfrot needs C++20: compile with -std=c++20, or in CMake with target_compile_features(... cxx_std_20)>
#endif

// Codes are exact, and values that are not finite are refused: -ffast-math and its parts take both away. The compiler's macros
// tell of most of them. Expressions that it may not simplify tell of the others for g++: -funsafe-math-optimizations without
// its parts, #pragma GCC optimize.
// See DFROT_EXACT_MATH for what clang++ does not tell.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(_M_FP_FAST)
#error \
    "dfrot computes exact codes and refuses NaN, which -ffast-math and its parts break: add -fno-fast-math after them"
#elif defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
namespace dfrot::detail {
extern double const any_number;
static_assert(
    !__builtin_constant_p(__builtin_isnan(any_number)) && !__builtin_constant_p((any_number + 1.0) - any_number) &&
        !__builtin_constant_p(__builtin_sqrt(any_number) < -1.0) && 0.1 != 0.1F,
    "dfrot computes exact codes and refuses NaN, which -ffast-math, its parts and -fsingle-precision-constant "
    "break: add -fno-fast-math after them");
}  // namespace dfrot::detail
#endif

/// The first line of a function whose results are promised to the bit. clang++ has no macro for -fassociative-math,
/// -freciprocal-math and -funsafe-math-optimizations: this switches them off for the operators that stand in the function.
#if defined(__clang__) && !defined(__CUDACC__)
#define DFROT_EXACT_MATH _Pragma("float_control(precise, on)")
#else
#define DFROT_EXACT_MATH
#endif

/// 1 switches on costly precondition checks (is this matrix orthogonal?); 0, the default, leaves them out.
#if !defined(DFROT_AUDIT)
#define DFROT_AUDIT 0
#endif

/// 1 says that kernels without AVX2 are meant on x86-64, and leaves out the message about them.
#if !defined(DFROT_PORTABLE)
#define DFROT_PORTABLE 0
#endif

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

/// A name for those flags. It is part of the symbol of every function of the kernel rooms, so that a program may link
/// translation units built with different flags, and each runs its own code: the cpu backend lives in an inline namespace
/// of this name, all other functions carry it as a tag (DFROT_PER_ISA).
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

/// Marks a function outside the cpu backend that is compiled for the flags at hand: they become part of its symbol. Types
/// stay the same, so that views and orders can be handed from one translation unit to another. Functions with a policy among
/// their template arguments need no mark, the policy's name does it.
#if defined(__GNUC__)
#define DFROT_QUOTED_(name) #name
#define DFROT_QUOTED(name) DFROT_QUOTED_(name)
#define DFROT_PER_ISA __attribute__((abi_tag(DFROT_QUOTED(DFROT_CPU_ISA))))
#else
#define DFROT_PER_ISA
#endif

/// Marks a function that runs on the host and, when nvcc compiles it, on the device; for other compilers it is
/// marked DFROT_PER_ISA, too (nvcc warns of tags on some templates).
#if defined(__CUDACC__)
#define DFROT_HOST_DEVICE __host__ __device__
#else
#define DFROT_HOST_DEVICE DFROT_PER_ISA
#endif

/// Asks for the loop that follows to be unrolled in code for a device, so that its array stays in registers.
#if defined(__CUDA_ARCH__)
#define DFROT_DEVICE_UNROLL _Pragma("unroll")
#else
#define DFROT_DEVICE_UNROLL
#endif
