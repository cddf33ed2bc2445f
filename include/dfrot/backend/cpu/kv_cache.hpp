#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/gemm/kv_tile.hpp>
#include <dfrot/backend/cpu/key_scores.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/cpu/weighted_values.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Hook of kv_cache: its panels are those of products of codes.
template <class Arch>
[[nodiscard]] std::size_t kv_lanes(basic_policy<Arch> const& /*on*/) noexcept {
  return gemm_tile<Arch>::columns;
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
