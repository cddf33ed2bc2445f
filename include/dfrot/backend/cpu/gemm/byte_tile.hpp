#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <dfrot/backend/cpu/gemm/dot_rows.hpp>
#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm/tile_codes.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// gemm_tile for codes of 8 bits: half as many outputs, each a whole unsigned byte.
///   sums[r columns + c] = sum over quads of byte x,   c < columns / 2; the other columns are lost
/// Any instruction set: the nibbles of a byte are two outputs of 4 bits.
template <class Arch>
struct byte_tile {
  template <std::size_t... R>
  static void dot(std::index_sequence<R...> row_counts, std::size_t rows, std::uint8_t const* panel,
                  std::int8_t const* tile, std::size_t quads, std::int32_t* sums) noexcept {
    static constexpr std::array<std::int32_t, gemm_tile<Arch>::rows> starts{};
    constexpr std::size_t width = gemm_tile<Arch>::columns / 2;
    dot_rows<Arch, tile_codes<plain_nibbles, 128>>(row_counts, rows, panel, tile, quads, starts.data(), sums);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < width; ++c) {
        sums[2 * width * r + c] += 16 * sums[2 * width * r + width + c];
      }
    }
  }
};

#if DFROT_CPU_AVX512_VNNI
/// One dot product of 64 bytes a quad and row.
template <>
struct byte_tile<avx512_vnni> {
  template <std::size_t... R>
  static void dot(std::index_sequence<R...> /*row_counts*/, std::size_t rows, std::uint8_t const* panel,
                  std::int8_t const* tile, std::size_t quads, std::int32_t* sums) noexcept {
    static_cast<void>(((rows == R + 1 && (dot<R + 1>(panel, tile, quads, sums), true)) || ...));
  }

 private:
  template <std::size_t Rows>
  static void dot(std::uint8_t const* panel, std::int8_t const* tile, std::size_t quads, std::int32_t* sums) noexcept {
    constexpr std::size_t steps = Rows >= 8 ? 1 : 8 / Rows;  // a dot product waits 4 cycles for the one before it
    __m512i sum[steps][Rows];
    unroll<steps * Rows>([&](auto i) DFROT_CPU_INLINE { sum[i / Rows][i % Rows] = _mm512_setzero_si512(); });
    auto const add_quad = [&](std::size_t q, auto s) DFROT_CPU_INLINE {
      __m512i const bytes = _mm512_loadu_si512(panel + 64 * q);
      unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
        __m512i const x = _mm512_set1_epi32(load_quad(tile + 4 * (Rows * q + r)));
        sum[s][r] = _mm512_dpbusd_epi32(sum[s][r], bytes, x);
      });
    };
    std::size_t q = 0;
    for (; q + steps <= quads; q += steps) {
      unroll<steps>([&](auto s) DFROT_CPU_INLINE { add_quad(q + s, s); });
    }
    unroll<steps - 1>([&](auto s) DFROT_CPU_INLINE {
      if (q + s < quads) {
        add_quad(q + s, s);
      }
    });
    unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      unroll<steps - 1>([&](auto s) DFROT_CPU_INLINE { sum[0][r] = _mm512_add_epi32(sum[0][r], sum[s + 1][r]); });
      _mm512_storeu_si512(sums + r * gemm_tile<avx512_vnni>::columns, sum[0][r]);
    });
  }
};
#endif

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
