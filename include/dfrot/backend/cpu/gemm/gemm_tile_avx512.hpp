#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/gemm/gemm_tile.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>

#if DFROT_CPU_AVX512

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The bytes that nibbles stand for.
template <class Codes>
DFROT_CPU_INLINE inline __m512i bytes_of(__m512i nibbles) noexcept {
  if constexpr (Codes::by_table) {
    __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(Codes::unsigned_bytes.data()));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(bytes), nibbles);
  } else {
    return nibbles;
  }
}

}  // namespace detail

/// 32 output channels in two registers. Products of bytes are added in pairs to 16 bits (vpmaddubsw), as often as fits,
/// and then to 32.
template <>
struct gemm_tile<avx512> {
  static constexpr std::size_t columns = 32;
  static constexpr std::size_t rows = 12;

  static constexpr bool signed_tables = false;

  template <class Codes, std::size_t Rows>
  static void dot(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                  std::int32_t const* start, std::int32_t* sums) noexcept {
    if constexpr (Codes::in_16_bits) {
      constexpr std::size_t block = Codes::quads_in_16_bits;
      for (std::size_t r = 0; r < Rows; ++r) {
        _mm512_storeu_si512(sums + r * columns, _mm512_set1_epi32(start[r]));
        _mm512_storeu_si512(sums + r * columns + 16, _mm512_set1_epi32(start[r]));
      }
      for (std::size_t first = 0; first < quads; first += block) {
        dot_16_bits<Codes, Rows>(weights + 64 * first, activations + 4 * Rows * first, std::min(block, quads - first),
                                 sums);
      }
    } else {
      dot_32_bits<Codes, Rows>(weights, activations, quads, start, sums);
    }
  }

 private:
  /// Adds to sums as many quads as fit in 16 bits.
  template <class Codes, std::size_t Rows>
  static void dot_16_bits(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                          std::int32_t* sums) noexcept {
    __m512i const nibble = _mm512_set1_epi8(15);
    __m512i low[Rows];
    __m512i high[Rows];
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE { low[r] = high[r] = _mm512_setzero_si512(); });
    for (std::size_t q = 0; q < quads; ++q) {
      __m512i const both = _mm512_loadu_si512(weights + 64 * q);
      __m512i const w_low = detail::bytes_of<Codes>(_mm512_and_si512(both, nibble));
      __m512i const w_high = detail::bytes_of<Codes>(_mm512_and_si512(_mm512_srli_epi16(both, 4), nibble));
      detail::prefetch_weights<Rows>(weights + 64 * q);
      detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
        __m512i const x = _mm512_set1_epi32(detail::load_quad(activations + 4 * (Rows * q + r)));
        low[r] = _mm512_add_epi16(low[r], _mm512_maddubs_epi16(w_low, x));
        high[r] = _mm512_add_epi16(high[r], _mm512_maddubs_epi16(w_high, x));
        // Ends the statement for g++, too, which would otherwise form all products first and then run out of registers.
        asm("" : "+v"(low[r]), "+v"(high[r]));
      });
    }
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      add_pairs(sums + r * columns, low[r]);
      add_pairs(sums + r * columns + 16, high[r]);
    });
  }

  /// For wide tables: even and odd bytes apart, as 16 bits each, whose products are added in 32.
  template <class Codes, std::size_t Rows>
  static void dot_32_bits(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                          std::int32_t const* start, std::int32_t* sums) noexcept {
    __m512i const nibble = _mm512_set1_epi8(15);
    __m512i low[Rows];
    __m512i high[Rows];
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE { low[r] = high[r] = _mm512_set1_epi32(start[r]); });
    for (std::size_t q = 0; q < quads; ++q) {
      __m512i const both = _mm512_loadu_si512(weights + 64 * q);
      __m512i const w_low = detail::bytes_of<Codes>(_mm512_and_si512(both, nibble));
      __m512i const w_high = detail::bytes_of<Codes>(_mm512_and_si512(_mm512_srli_epi16(both, 4), nibble));
      detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
        __m512i const x = _mm512_set1_epi32(detail::load_quad(activations + 4 * (Rows * q + r)));
        low[r] = _mm512_add_epi32(low[r], dot_of_words(w_low, x));
        high[r] = _mm512_add_epi32(high[r], dot_of_words(w_high, x));
      });
    }
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      _mm512_storeu_si512(sums + r * columns, low[r]);
      _mm512_storeu_si512(sums + r * columns + 16, high[r]);
    });
  }

  /// Sums of four products each of an unsigned and a signed byte.
  static __m512i dot_of_words(__m512i w, __m512i x) noexcept {
    __m512i const even =
        _mm512_madd_epi16(_mm512_and_si512(w, _mm512_set1_epi16(255)), _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8));
    return _mm512_add_epi32(even, _mm512_madd_epi16(_mm512_srli_epi16(w, 8), _mm512_srai_epi16(x, 8)));
  }

  static void add_pairs(std::int32_t* sums, __m512i pairs) noexcept {
    __m512i const quads = _mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
    _mm512_storeu_si512(sums, _mm512_add_epi32(_mm512_loadu_si512(sums), quads));
  }
};

#if DFROT_CPU_AVX512_VNNI
/// 32 output channels in two registers; vpdpbusd adds a quad of products to each 32-bit lane. 14 tokens fill the
/// registers: 28 sums, two weights, the mask and the activation.
template <>
struct gemm_tile<avx512_vnni> {
  static constexpr std::size_t columns = 32;
  static constexpr std::size_t rows = 14;

  static constexpr bool signed_tables = false;

  template <class Codes, std::size_t Rows>
  static void dot(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                  std::int32_t const* start, std::int32_t* sums) noexcept {
    __m512i const nibble = _mm512_set1_epi8(15);
    // Few tokens need several sums each: a dot product waits 4 cycles for the one before it.
    constexpr std::size_t steps = Rows == 1 ? 4 : (Rows == 2 ? 2 : 1);
    __m512i low[steps][Rows];
    __m512i high[steps][Rows];
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      low[0][r] = high[0][r] = _mm512_set1_epi32(start[r]);
      detail::unroll<steps - 1>([&](auto s)
                                    DFROT_CPU_INLINE { low[s + 1][r] = high[s + 1][r] = _mm512_setzero_si512(); });
    });
    auto const add_quad = [&](std::size_t q, auto s) DFROT_CPU_INLINE {
      __m512i const both = _mm512_loadu_si512(weights + 64 * q);
      __m512i const w_low = detail::bytes_of<Codes>(_mm512_and_si512(both, nibble));
      __m512i const w_high = detail::bytes_of<Codes>(_mm512_and_si512(_mm512_srli_epi16(both, 4), nibble));
      detail::prefetch_weights<Rows>(weights + 64 * q);
      detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
        __m512i const x = _mm512_set1_epi32(detail::load_quad(activations + 4 * (Rows * q + r)));
        low[s][r] = _mm512_dpbusd_epi32(low[s][r], w_low, x);
        high[s][r] = _mm512_dpbusd_epi32(high[s][r], w_high, x);
      });
    };
    std::size_t q = 0;
    for (; q + steps <= quads; q += steps) {
      detail::unroll<steps>([&](auto s) DFROT_CPU_INLINE { add_quad(q + s, s); });
    }
    // Not a second loop: g++ would copy all sums between the two.
    detail::unroll<steps - 1>([&](auto s) DFROT_CPU_INLINE {
      if (q + s < quads) {
        add_quad(q + s, s);
      }
    });
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      detail::unroll<steps - 1>([&](auto s) DFROT_CPU_INLINE {
        low[0][r] = _mm512_add_epi32(low[0][r], low[s + 1][r]);
        high[0][r] = _mm512_add_epi32(high[0][r], high[s + 1][r]);
      });
      _mm512_storeu_si512(sums + r * columns, low[0][r]);
      _mm512_storeu_si512(sums + r * columns + 16, high[0][r]);
    });
  }
};
#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
#endif
