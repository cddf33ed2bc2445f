#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dfrot/backend/cpu/codes/code_registers.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/int4_grid.hpp>

// Codes in registers of 512 bits.

#if DFROT_CPU_AVX512

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

template <>
struct code_lanes<avx512> {
  using reg = __m512;

  static void pack(reg const (&y)[2], int bias, int flip, std::uint8_t* out) {
    __m512i const pairs = _mm512_madd_epi16(words(y[0], y[1]), _mm512_set1_epi32(0x100001));
    store_bytes(_mm512_add_epi32(pairs, _mm512_set1_epi32(0x11 * bias)), flip, out);
  }

  static void write(reg const (&y)[2], int offset, std::int8_t* out) {
    __m512i const shift = _mm512_set1_epi16(static_cast<short>(offset));
    __m512i const codes = _mm512_add_epi16(words(y[0], y[1]), shift);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi16_epi8(codes));
  }

 private:
  /// The low words of 32 floats: integers, as rounding_magic ends in zeros.
  static __m512i words(__m512 a, __m512 b) {
    __m512i const even_words = _mm512_setr_epi32(0x00020000, 0x00060004, 0x000a0008, 0x000e000c, 0x00120010, 0x00160014,
                                                 0x001a0018, 0x001e001c, 0x00220020, 0x00260024, 0x002a0028, 0x002e002c,
                                                 0x00320030, 0x00360034, 0x003a0038, 0x003e003c);
    return _mm512_permutex2var_epi16(_mm512_castps_si512(a), even_words, _mm512_castps_si512(b));
  }
  static void store_bytes(__m512i low_bytes, int flip, std::uint8_t* out) {
    __m128i const bytes = _mm512_cvtepi32_epi8(low_bytes);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(flip))));
  }
};

template <>
struct code_lanes<avx512_vnni> : code_lanes<avx512> {};

template <>
struct nibble_bytes<avx512> {
  static constexpr std::size_t block = 128;

  static void pack(std::int8_t const* codes, std::uint8_t* out) {
    __m512i const packed = _mm512_packus_epi16(pairs(codes), pairs(codes + 64));
    _mm512_storeu_si512(out, _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed));
  }

  static void unpack(std::uint8_t const* packed, int flip, std::int8_t* out) {
    __m512i const flips = _mm512_set1_epi8(static_cast<char>(flip));
    for (std::size_t k = 0; k < 2; ++k) {
      __m512i const words = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<__m256i const*>(packed + 32 * k)));
      constexpr int or_then_and = 0xa8;
      __m512i const nibbles =
          _mm512_ternarylogic_epi32(words, _mm512_slli_epi16(words, 4), _mm512_set1_epi8(15), or_then_and);
      _mm512_storeu_si512(out + 64 * k, _mm512_sub_epi8(_mm512_xor_si512(nibbles, flips), flips));
    }
  }

 private:
  /// Words even + 16 odd of 64 codes.
  static __m512i pairs(std::int8_t const* codes) {
    __m512i const bytes = _mm512_loadu_si512(codes);
    return _mm512_maddubs_epi16(_mm512_and_si512(bytes, _mm512_set1_epi8(15)), _mm512_set1_epi16(0x1001));
  }
};

template <>
struct nibble_bytes<avx512_vnni> : nibble_bytes<avx512> {};

/// Looks values up in a register that holds all sixteen. A look-up reads the low four bits of each lane only.
template <>
struct nibble_lanes<avx512> {
  using reg = __m512;
  static constexpr std::size_t registers = 2;

  __m512 scale;
  __m512i zero_point;
  __m512 table;

  explicit nibble_lanes(int4_grid<float> const& grid)
      : scale(_mm512_set1_ps(grid.scale)),
        zero_point(_mm512_set1_epi32(grid.zero_point)),
        table(decode(grid.lowest < 0 ? _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1)
                                     : _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))) {}

  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    // Every byte goes to two lanes; the odd one takes its upper half.
    __m512i const spread = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    __m512i const odd_lane = _mm512_set1_epi64(0x0000000400000000);
    for (std::size_t k = 0; k < registers; ++k) {
      __m512i const codes =
          _mm512_srlv_epi32(_mm512_shuffle_epi8(_mm512_set1_epi64(sixteen_codes(in, k)), spread), odd_lane);
      y[k] = _mm512_permutexvar_ps(codes, table);
    }
  }

  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    for (std::size_t k = 0; k < registers; ++k) {
      y[k] = decode(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(in + 16 * k))));
    }
  }

 protected:
  [[nodiscard]] __m512 decode(__m512i codes) const {
    return _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_sub_epi32(codes, zero_point)));
  }
  static long long sixteen_codes(std::uint8_t const* in, std::size_t k) {
    long long codes = 0;
    std::memcpy(&codes, in + 8 * k, 8);
    return codes;
  }
};

template <>
struct value_table<avx512> {
  using reg = __m512;
  static constexpr std::size_t registers = 2;

  __m512 all;

  template <class Element, class Stored>
  explicit value_table(block_grid<Element, Stored, float> const& grid)
      : value_table(detail::read_tables(grid.element).values, grid.scale) {}
  value_table(std::array<float, 16> const& values, float scale)
      : all(_mm512_mul_ps(_mm512_loadu_ps(values.data()), _mm512_set1_ps(scale))) {}

  [[nodiscard]] reg look_up(__m512i codes) const { return _mm512_permutexvar_ps(codes, all); }
  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    __m512i const shift = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
    __m512i const half = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    for (std::size_t k = 0; k < registers; ++k) {
      long long sixteen_codes = 0;
      std::memcpy(&sixteen_codes, in + 8 * k, 8);
      y[k] = look_up(_mm512_srlv_epi32(_mm512_permutexvar_epi32(half, _mm512_set1_epi64(sixteen_codes)), shift));
    }
  }
  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    for (std::size_t k = 0; k < registers; ++k) {
      y[k] = look_up(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(in + 16 * k))));
    }
  }
};

template <>
struct value_table<avx512_vnni> : value_table<avx512> {
  using value_table<avx512>::value_table;
};

namespace detail {

template <>
struct threshold_search<avx512> {
  __m512 all;

  explicit threshold_search(std::array<float, 16> const& thresholds) : all(_mm512_loadu_ps(thresholds.data())) {}

  template <bool Signed>
  [[nodiscard]] __m512i search(__m512 x, __m512 inverse) const {
    __m512 const size = Signed ? _mm512_abs_ps(x) : x;
    __m512 const factor = Signed ? _mm512_abs_ps(inverse) : inverse;
    __m512i code = _mm512_castps_si512(_mm512_set1_ps(rounding_magic));
    auto const from = [&](int before) {
      __m512i const place = before == 0 ? code : _mm512_or_si512(code, _mm512_set1_epi32(before));
      return _mm512_fmsub_ps(size, factor, _mm512_permutexvar_ps(place, all));
    };
    auto const add = [&code](__mmask16 above, int step) {
      code = _mm512_mask_or_epi32(code, above, code, _mm512_set1_epi32(step));
    };
    __m512 const zero = _mm512_setzero_ps();
    if constexpr (!Signed) {
      add(_mm512_cmp_ps_mask(from(7), zero, _CMP_GE_OQ), 8);
    }
    add(_mm512_cmp_ps_mask(from(3), zero, _CMP_GE_OQ), 4);
    add(_mm512_cmp_ps_mask(from(1), zero, _CMP_GE_OQ), 2);
    add(_mm512_cmp_ps_mask(from(0), zero, _CMP_GT_OQ), 1);
    if constexpr (Signed) {
      __m512i const sign = _mm512_srli_epi32(_mm512_castps_si512(_mm512_xor_ps(x, inverse)), 28);
      code = _mm512_or_si512(code, _mm512_and_si512(sign, _mm512_set1_epi32(8)));
    }
    return code;
  }
};

template <>
struct threshold_search<avx512_vnni> : threshold_search<avx512> {
  using threshold_search<avx512>::threshold_search;
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#endif

#if DFROT_CPU_AVX512_VNNI

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

template <>
struct nibble_lanes<avx512_vnni> : nibble_lanes<avx512> {
  using nibble_lanes<avx512>::nibble_lanes;

  /// Every byte of the result can start at any bit of its quadword: one instruction brings nibbles to their lanes.
  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    __m512i const start_bit = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
    for (std::size_t k = 0; k < registers; ++k) {
      __m512i const codes = _mm512_multishift_epi64_epi8(start_bit, _mm512_set1_epi64(sixteen_codes(in, k)));
      y[k] = _mm512_permutexvar_ps(codes, table);
    }
  }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#endif
