#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cpu/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

// DFROT_CPU_INLINE stands between a lambda's parameters and its body, or before a function.
#if defined(__GNUC__)
#define DFROT_CPU_INLINE __attribute__((always_inline))
#else
#define DFROT_CPU_INLINE
#endif

namespace detail {

/// Calls step(0), step(1), … step(Count - 1) with constants, without a loop.
template <std::size_t Count, class Step>
DFROT_CPU_INLINE inline void unroll(Step const& step) {
  [&]<std::size_t... I>(std::index_sequence<I...>) DFROT_CPU_INLINE {
    (step(std::integral_constant<std::size_t, I>{}), ...);
  }
  (std::make_index_sequence<Count>{});
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
