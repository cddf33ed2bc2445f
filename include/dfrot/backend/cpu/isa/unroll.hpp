#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// Sanitizers put checks around every variable and access; in functions of a thousand steps, those take compilers minutes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DFROT_CPU_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define DFROT_CPU_SANITIZED 1
#endif
#endif
#ifndef DFROT_CPU_SANITIZED
#define DFROT_CPU_SANITIZED 0
#endif

// DFROT_CPU_INLINE stands between a lambda's parameters and its body, or before a function.
#if defined(__GNUC__) && !DFROT_CPU_SANITIZED
#define DFROT_CPU_INLINE __attribute__((always_inline))
#else
#define DFROT_CPU_INLINE
#endif

// DFROT_CPU_FLAT stands where DFROT_CPU_INLINE does, in what functions with gnu::flatten call: g++ inlines all of it at once there,
// which makes better code than always_inline; clang++ inlines the outermost calls only.
#if defined(__clang__)
#define DFROT_CPU_FLAT DFROT_CPU_INLINE
#else
#define DFROT_CPU_FLAT
#endif

// DFROT_CPU_APART keeps a function out of its callers: code for rare cases, and large arrays, since clang++ gives a function that
// inlines several such the room of all of them.
#if defined(__GNUC__)
#define DFROT_CPU_APART __attribute__((noinline))
#else
#define DFROT_CPU_APART
#endif

// DFROT_CPU_UNROLL stands before a loop over registers whose count is a constant: unrolled, indices are constants, and arrays of
// registers are registers. The loop is compiled once, where detail::unroll() below has a function for each step, which takes
// compilers several times as long.
#if DFROT_CPU_SANITIZED
#define DFROT_CPU_UNROLL
#elif defined(__clang__)
#define DFROT_CPU_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define DFROT_CPU_UNROLL _Pragma("GCC unroll 128")
#else
#define DFROT_CPU_UNROLL
#endif

namespace detail {

/// Calls step(0), step(1), … step(Count - 1) with constants, without a loop, so that arrays of registers are registers.
/// That holds at every level of optimization only if step, too, is DFROT_CPU_INLINE: g++ otherwise inlines it after it has
/// given the array an address.
template <std::size_t Count, class Step>
DFROT_CPU_INLINE inline void unroll(Step const& step) {
  [&]<std::size_t... Index>(std::index_sequence<Index...>) DFROT_CPU_INLINE {
    (step(std::integral_constant<std::size_t, Index>{}), ...);
  }
  (std::make_index_sequence<Count>{});
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
