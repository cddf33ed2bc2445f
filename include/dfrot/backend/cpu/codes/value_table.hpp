#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/element.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// An element as kernels read it: what its nibbles stand for, and its thresholds, if it has any.
struct element_tables {
  std::array<float, 16> values{};
  std::array<float, 16> thresholds{};  ///< fifteen, or seven that are followed by zeros
};

template <class Element>
[[nodiscard]] constexpr element_tables tables_of(Element const& element) {
  element_tables tables;
  for (int nibble = 0; nibble < 16; ++nibble) {
    tables.values[static_cast<std::size_t>(nibble)] = element.value(Element::code_of(nibble));
  }
  if constexpr (threshold_element<Element>) {
    for (int k = 0; k < (Element::sign_in_bit_3 ? 7 : 15); ++k) {
      tables.thresholds[static_cast<std::size_t>(k)] = element.threshold(k);
    }
  }
  return tables;
}

template <class Element>
inline constexpr element_tables constant_tables = tables_of(Element{});

/// tables_of(element), a constant for an element without a state: what is computed where it is used is written to memory first.
template <class Element>
[[nodiscard]] decltype(auto) read_tables(Element const& element) {
  if constexpr (std::is_empty_v<Element>) {
    return (constant_tables<Element>);
  } else {
    return tables_of(element);
  }
}

}  // namespace detail

/// Sixteen values times a scale in registers of floats, and how codes are looked up there: a code counts by its last four bits.
///   look_up(codes)   of one register of codes, whose upper bits are not read
///   packed(in, y)    32 codes from 16 bytes of nibbles   bytes(in, y)   32 codes from 32 bytes
template <class Arch>
struct value_table;

#if DFROT_CPU_AVX2

template <>
struct value_table<avx2> {
  using reg = __m256;
  static constexpr std::size_t registers = 4;

  __m256 low;   ///< of codes 0 … 7
  __m256 high;  ///< of codes 8 … 15

  template <class Element, class Stored>
  explicit value_table(block_grid<Element, Stored, float> const& grid)
      : value_table(detail::read_tables(grid.element).values, grid.scale) {}
  value_table(std::array<float, 16> const& values, float scale)
      : low(_mm256_mul_ps(_mm256_loadu_ps(values.data()), _mm256_set1_ps(scale))),
        high(_mm256_mul_ps(_mm256_loadu_ps(values.data() + 8), _mm256_set1_ps(scale))) {}

  [[nodiscard]] reg look_up(__m256i codes) const {
    __m256 const bit_3 = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, codes), _mm256_permutevar8x32_ps(high, codes), bit_3);
  }
  void packed(std::uint8_t const* in, reg (&y)[registers]) const {
    __m256i const shift = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    for (std::size_t k = 0; k < registers; ++k) {
      int eight_codes = 0;
      std::memcpy(&eight_codes, in + 4 * k, 4);
      y[k] = look_up(_mm256_srlv_epi32(_mm256_set1_epi32(eight_codes), shift));
    }
  }
  void bytes(std::int8_t const* in, reg (&y)[registers]) const {
    for (std::size_t k = 0; k < registers; ++k) {
      y[k] = look_up(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(in + 8 * k))));
    }
  }
};

#endif

#if DFROT_CPU_AVX512

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

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
