#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm/tile_codes.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4_elements.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// Bytes of one panel of weights with k channels.
template <class Arch>
[[nodiscard]] constexpr std::size_t panel_bytes(std::size_t k) {
  return 2 * gemm_tile<Arch>::columns * ceil_div(k, 4);
}

/// The four codes of a quad of a packed row of k, in the low nibbles of four bytes; 0 beyond k.
inline std::uint32_t spread_quad(std::uint8_t const* packed, std::size_t k, std::size_t quad) noexcept {
  std::size_t const left = k - 4 * quad;
  std::uint32_t codes = packed[2 * quad];
  if (left > 2) {
    codes |= static_cast<std::uint32_t>(packed[2 * quad + 1]) << 8U;
  }
  if (left < 4) {
    codes &= (1U << (4 * left)) - 1;
  }
  codes = (codes | codes << 8U) & 0x00ff00ffU;
  return (codes | codes << 4U) & 0x0f0f0f0fU;
}

/// Eight nibbles of packed codes, as a panel has them.
template <integer_element W>
[[nodiscard]] constexpr std::uint32_t stored_nibbles(std::uint32_t codes) {
  if constexpr (std::is_same_v<W, s4>) {
    return codes ^ 0x88888888U;  // two's complement to code + 8
  } else if constexpr (weight_codes<W>::by_table) {
    return codes;
  } else {
    std::uint32_t stored = 0;
    for (unsigned shift = 0; shift < 32; shift += 4) {
      stored |= weight_codes<W>::stored(codes >> shift & 15U) << shift;
    }
    return stored;
  }
}

/// Writes the nibbles of two output channels, either of which may be absent (null), into one lane of a panel.
template <integer_element W>
void repack_lane(std::uint8_t const* low, std::uint8_t const* high, std::size_t k, std::uint8_t* lane,
                 std::size_t quad_bytes) noexcept {
  for (std::size_t quad = 0; 4 * quad < k; ++quad) {
    std::uint32_t codes = low != nullptr ? spread_quad(low, k, quad) : 0;
    codes |= high != nullptr ? spread_quad(high, k, quad) << 4U : 0;
    codes = stored_nibbles<W>(codes);
    for (unsigned b = 0; b < 4; ++b) {
      lane[quad * quad_bytes + b] = static_cast<std::uint8_t>(codes >> (8 * b));
    }
  }
}

}  // namespace detail

/// Hook of repacked_weights_size().
template <class Arch>
[[nodiscard]] std::size_t repacked_weight_bytes(basic_policy<Arch> const& /*on*/, std::size_t n,
                                                std::size_t k) noexcept {
  return ceil_div(n, gemm_tile<Arch>::columns) * detail::panel_bytes<Arch>(k);
}

/// Hook of repack_weights(). The layout is described in gemm_tile.hpp.
template <class Arch, integer_element W>
void repack_weight_rows(basic_policy<Arch> const& on, W /*element*/, matrix_view<std::uint8_t const> packed,
                        std::size_t k, std::uint8_t* bytes) noexcept {
  if (k == 0) {  // no bytes, and a pointer that may be null
    return;
  }
  constexpr std::size_t columns = gemm_tile<Arch>::columns;
  auto const row = [&](std::size_t j) { return j < packed.rows ? packed.row(j) : nullptr; };
  parallel_for(on.threads, ceil_div(packed.rows, columns), [&](std::size_t p) {
    std::uint8_t* const panel = bytes + p * detail::panel_bytes<Arch>(k);
    for (std::size_t lane = 0; lane < columns / 2; ++lane) {
      std::size_t const low = p * columns + lane;
      detail::repack_lane<W>(row(low), row(low + columns / 2), k, panel + 4 * lane, 2 * columns);
    }
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
