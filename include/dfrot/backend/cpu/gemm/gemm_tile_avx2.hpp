#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/gemm/gemm_tile.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>

#if DFROT_CPU_AVX2

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// 16 output channels in two registers. Products of bytes are added in pairs to 16 bits (vpmaddubsw), as often as fits,
/// and then to 32. 4 tokens: 8 sums of the 16 registers.
template <>
struct gemm_tile<avx2> {
  static constexpr std::size_t columns = 16;
  static constexpr std::size_t rows = 4;

  static constexpr bool signed_tables = false;

  template <class Codes, std::size_t Rows>
  static void dot(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                  std::int32_t const* start, std::int32_t* sums) noexcept {
    if constexpr (Codes::in_16_bits) {
      constexpr std::size_t block = Codes::quads_in_16_bits;
      for (std::size_t r = 0; r < Rows; ++r) {
        std::fill_n(sums + r * columns, columns, start[r]);
      }
      for (std::size_t first = 0; first < quads; first += block) {
        dot_16_bits<Codes, Rows>(weights + 32 * first, activations + 4 * Rows * first, std::min(block, quads - first),
                                 sums);
      }
    } else {
      dot_32_bits<Codes, Rows>(weights, activations, quads, start, sums);
    }
  }

 private:
  /// The bytes that nibbles stand for.
  template <class Codes>
  static __m256i bytes_of(__m256i nibbles) noexcept {
    if constexpr (Codes::by_table) {
      __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(Codes::unsigned_bytes.data()));
      return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), nibbles);
    } else {
      return nibbles;
    }
  }

  /// Adds to sums as many quads as fit in 16 bits.
  template <class Codes, std::size_t Rows>
  static void dot_16_bits(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                          std::int32_t* sums) noexcept {
    __m256i const nibble = _mm256_set1_epi8(15);
    __m256i low[Rows];
    __m256i high[Rows];
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE { low[r] = high[r] = _mm256_setzero_si256(); });
    for (std::size_t q = 0; q < quads; ++q) {
      __m256i const both = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(weights + 32 * q));
      __m256i const w_low = bytes_of<Codes>(_mm256_and_si256(both, nibble));
      __m256i const w_high = bytes_of<Codes>(_mm256_and_si256(_mm256_srli_epi16(both, 4), nibble));
      detail::prefetch_weights<Rows>(weights + 32 * q);
      detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
        __m256i const x = _mm256_set1_epi32(detail::load_quad(activations + 4 * (Rows * q + r)));
        low[r] = _mm256_add_epi16(low[r], _mm256_maddubs_epi16(w_low, x));
        high[r] = _mm256_add_epi16(high[r], _mm256_maddubs_epi16(w_high, x));
        // Ends the statement for g++, too, which would otherwise form all products first and then run out of registers.
        asm("" : "+v"(low[r]), "+v"(high[r]));
      });
    }
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      add_pairs(sums + r * columns, low[r]);
      add_pairs(sums + r * columns + 8, high[r]);
    });
  }

  /// For wide tables: even and odd bytes apart, as 16 bits each, whose products are added in 32.
  template <class Codes, std::size_t Rows>
  static void dot_32_bits(std::uint8_t const* weights, std::int8_t const* activations, std::size_t quads,
                          std::int32_t const* start, std::int32_t* sums) noexcept {
    __m256i const nibble = _mm256_set1_epi8(15);
    __m256i low[Rows];
    __m256i high[Rows];
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE { low[r] = high[r] = _mm256_set1_epi32(start[r]); });
    for (std::size_t q = 0; q < quads; ++q) {
      __m256i const both = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(weights + 32 * q));
      __m256i const w_low = bytes_of<Codes>(_mm256_and_si256(both, nibble));
      __m256i const w_high = bytes_of<Codes>(_mm256_and_si256(_mm256_srli_epi16(both, 4), nibble));
      detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
        __m256i const x = _mm256_set1_epi32(detail::load_quad(activations + 4 * (Rows * q + r)));
        low[r] = _mm256_add_epi32(low[r], dot_of_words(w_low, x));
        high[r] = _mm256_add_epi32(high[r], dot_of_words(w_high, x));
      });
    }
    detail::unroll<Rows>([&](auto r) DFROT_CPU_INLINE {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + r * columns), low[r]);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + r * columns + 8), high[r]);
    });
  }

  /// Sums of four products each of an unsigned and a signed byte.
  static __m256i dot_of_words(__m256i w, __m256i x) noexcept {
    __m256i const even =
        _mm256_madd_epi16(_mm256_and_si256(w, _mm256_set1_epi16(255)), _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8));
    return _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_srli_epi16(w, 8), _mm256_srai_epi16(x, 8)));
  }

  static void add_pairs(std::int32_t* sums, __m256i pairs) noexcept {
    auto* const place = reinterpret_cast<__m256i*>(sums);
    __m256i const quads = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    _mm256_storeu_si256(place, _mm256_add_epi32(_mm256_loadu_si256(place), quads));
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
#endif
