#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// gemm_tile<Arch>::dot for a number of rows that is known at run time only: one of R + 1.
template <class Arch, class Codes, std::size_t... R>
void dot_rows(std::index_sequence<R...> /*rows*/, std::size_t rows, std::uint8_t const* weights,
              std::int8_t const* activations, std::size_t quads, std::int32_t const* start,
              std::int32_t* sums) noexcept {
  static_cast<void>(((rows == R + 1 &&
                      (gemm_tile<Arch>::template dot<Codes, R + 1>(weights, activations, quads, start, sums), true)) ||
                     ...));
}

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
