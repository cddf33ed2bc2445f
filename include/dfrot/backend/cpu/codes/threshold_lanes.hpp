#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/codes/value_table.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/format/block_grid.hpp>
#include <dfrot/format/element.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Sixteen thresholds in registers, and the search in them.
///   search<Signed>(x, inverse)   the codes of x inverse, in the low bits of rounding_magic
/// A fused product less a threshold has the sign of the exact difference, which is 0 for ties alone. Ties go to the even code: up
/// at the thresholds that follow an odd code, which steps of 8, 4 and 2 compare with; down at the others, which the last step does.
template <class Arch>
struct threshold_search;

#if DFROT_CPU_AVX2

template <>
struct threshold_search<avx2> {
  __m256 low;
  __m256 high;

  explicit threshold_search(std::array<float, 16> const& thresholds)
      : low(_mm256_loadu_ps(thresholds.data())), high(_mm256_loadu_ps(thresholds.data() + 8)) {}

  template <bool Signed>
  [[nodiscard]] __m256i search(__m256 x, __m256 inverse) const {
    __m256 const sign_bit = _mm256_set1_ps(-0.0F);
    __m256 const size = Signed ? _mm256_andnot_ps(sign_bit, x) : x;
    __m256 const factor = Signed ? _mm256_andnot_ps(sign_bit, inverse) : inverse;
    __m256i code = _mm256_castps_si256(_mm256_set1_ps(rounding_magic));
    __m256 upper = _mm256_setzero_ps();
    auto const add = [&code](__m256 above, int step) {
      code = _mm256_or_si256(code, _mm256_and_si256(_mm256_castps_si256(above), _mm256_set1_epi32(step)));
    };
    auto const from = [&](__m256 threshold) { return _mm256_fmsub_ps(size, factor, threshold); };
    auto const threshold = [&](int before) {
      __m256i const place = _mm256_or_si256(code, _mm256_set1_epi32(before));
      __m256 const below = _mm256_permutevar8x32_ps(low, place);
      return Signed ? below : _mm256_blendv_ps(below, _mm256_permutevar8x32_ps(high, place), upper);
    };
    __m256 const zero = _mm256_setzero_ps();
    if constexpr (!Signed) {
      upper = _mm256_cmp_ps(from(_mm256_permutevar8x32_ps(low, _mm256_set1_epi32(7))), zero, _CMP_GE_OQ);
      add(upper, 8);
    }
    add(_mm256_cmp_ps(from(threshold(3)), zero, _CMP_GE_OQ), 4);
    add(_mm256_cmp_ps(from(threshold(1)), zero, _CMP_GE_OQ), 2);
    add(_mm256_cmp_ps(from(threshold(0)), zero, _CMP_GT_OQ), 1);
    if constexpr (Signed) {
      __m256i const sign = _mm256_srli_epi32(_mm256_castps_si256(_mm256_xor_ps(x, inverse)), 28);
      code = _mm256_or_si256(code, _mm256_and_si256(sign, _mm256_set1_epi32(8)));
    }
    return code;
  }
};

#endif

#if DFROT_CPU_AVX512

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

#endif

}  // namespace detail

/// A block_grid of a threshold_element in registers, as grid_lanes is one of int4_grid: the codes of block_grid to the bit.
/// @tparam Signed the element's sign_in_bit_3
template <class Arch, bool Signed>
struct threshold_lanes {
  using lanes = float_lanes<Arch>;
  static constexpr bool keeps_zero = Signed;  ///< whether 0 is sure to be a value

  detail::threshold_search<Arch> thresholds;
  value_table<Arch> values;
  lanes inverse_scale;

  template <class Element, class Stored>
  explicit threshold_lanes(block_grid<Element, Stored, float> const& grid)
      : threshold_lanes(grid.scale, grid.inverse_scale, detail::read_tables(grid.element)) {}

  /// rounding_magic + code in the low bits. (Ends need no clamping.)
  template <bool Clamp>
  [[nodiscard]] lanes place(lanes x) const {
    return lanes::of(reinterpret_cast<typename lanes::reg>(codes_of(x)));
  }
  /// x rounded to the grid: decode(encode(x)).
  template <bool Clamp>
  [[nodiscard]] lanes round(lanes x) const {
    return lanes::of(values.look_up(codes_of(x)));
  }

 private:
  threshold_lanes(float scale, float inverse, detail::element_tables const& tables)
      : thresholds(tables.thresholds), values(tables.values, scale), inverse_scale(lanes::broadcast(inverse)) {}

  [[nodiscard]] auto codes_of(lanes x) const {
    return thresholds.template search<Signed>(x.raw(), inverse_scale.raw());
  }
};

namespace detail {

template <class Grid>
struct is_signed_grid;
template <class Element, class Stored>
struct is_signed_grid<block_grid<Element, Stored, float>> : std::bool_constant<Element::sign_in_bit_3> {};

/// What rounds to a block_grid in registers.
template <class Arch, class Grid>
using threshold_lanes_of = threshold_lanes<Arch, is_signed_grid<Grid>::value>;

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
