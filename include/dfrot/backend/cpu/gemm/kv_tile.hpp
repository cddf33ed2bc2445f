#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cpu/gemm/byte_tile.hpp>
#include <dfrot/backend/cpu/gemm/dot_rows.hpp>
#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm/tile_codes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// Rows of bytes that meet the codes of a cache at once. Numbers of rows are powers of two, so that few kernels are compiled.
template <class Arch>
inline constexpr std::size_t kv_tile_rows = gemm_tile<Arch>::rows >= 8 ? 8 : (gemm_tile<Arch>::rows >= 4 ? 4 : 1);

/// The largest of them that is not above `rows`. @pre rows > 0
template <class Arch>
[[nodiscard]] constexpr std::size_t kv_rows_at_once(std::size_t rows) {
  std::size_t count = kv_tile_rows<Arch>;
  while (count > rows) {
    count /= 2;
  }
  return count;
}

/// Writes a row of bytes, whole quads, as row r of a tile of `rows`.
inline void put_tile_row(std::int8_t const* bytes, std::size_t quads, std::size_t rows, std::size_t r,
                         std::int8_t* tile) noexcept {
  for (std::size_t q = 0; q < quads; ++q) {
    std::memcpy(tile + 4 * (q * rows + r), bytes + 4 * q, 4);
  }
}

/// Writes two rows of bytes as rows r and r + 1.
inline void put_tile_rows(std::int8_t const* first, std::int8_t const* second, std::size_t quads, std::size_t rows,
                          std::size_t r, std::int8_t* tile) noexcept {
  for (std::size_t q = 0; q < quads; ++q) {
    std::int32_t const both[2] = {load_quad(first + 4 * q), load_quad(second + 4 * q)};
    std::memcpy(tile + 4 * (q * rows + r), both, 8);
  }
}

/// sums[r columns + c] = sum over quads of stored x, as gemm_tile has it. @tparam Bits of the codes: 8 has half the columns
template <class Arch, int Bits>
void kv_dot(std::size_t rows, std::uint8_t const* panel, std::int8_t const* tile, std::size_t quads,
            std::int32_t* sums) noexcept {
  using row_counts = std::conditional_t<
      kv_tile_rows<Arch> == 8, std::index_sequence<0, 1, 3, 7>,
      std::conditional_t<kv_tile_rows<Arch> == 4, std::index_sequence<0, 1, 3>, std::index_sequence<0>>>;
  if constexpr (Bits == 8) {
    byte_tile<Arch>::dot(row_counts{}, rows, panel, tile, quads, sums);
  } else {
    static constexpr std::array<std::int32_t, kv_tile_rows<Arch>> starts{};
    dot_rows<Arch, tile_codes<plain_nibbles, 128>>(row_counts{}, rows, panel, tile, quads, starts.data(), sums);
  }
}

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
