#pragma once

#include <dfrot/backend/cpu/isa/isa.hpp>

// The compiler's intrinsics for the instruction sets of isa.hpp; nothing for portable code.
// g++ 12 takes the "undefined" operands of its own AVX-512 intrinsics for uninitialized variables (GCC bug 105593).
#if DFROT_CPU_AVX2
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif
#elif DFROT_CPU_NEON
#include <arm_neon.h>
#endif
