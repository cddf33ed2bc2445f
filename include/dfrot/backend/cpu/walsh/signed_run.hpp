#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/walsh/walsh_passes.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// x with the signs of as many bytes, each -1 or +1: changes signs alone, so that zeros and NaN keep their payload. Through
/// memory, unless the instruction set has an overload below.
template <class Arch>
[[nodiscard]] float_lanes<Arch> with_signs(float_lanes<Arch> x, std::int8_t const* signs) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  float lane[width];
  x.store(lane);
  std::transform(lane, lane + width, signs, lane,
                 [](float value, std::int8_t sign) { return sign < 0 ? -value : value; });
  return float_lanes<Arch>::load(lane);
}

#if DFROT_CPU_AVX2
/// The same in registers.
template <class Arch>
requires(has<Arch, avx2> && !has<Arch, avx512>)
    [[nodiscard]] float_lanes<Arch> with_signs(float_lanes<Arch> x, std::int8_t const* signs) {
  __m256i const wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(signs)));
  __m256 const sign_bits = _mm256_and_ps(_mm256_castsi256_ps(wide), _mm256_set1_ps(-0.0F));
  return float_lanes<Arch>::of(_mm256_xor_ps(x.raw(), sign_bits));
}
#endif

#if DFROT_CPU_AVX512
/// The same in registers.
template <class Arch>
requires(has<Arch, avx512>) [[nodiscard]] float_lanes<Arch> with_signs(float_lanes<Arch> x, std::int8_t const* signs) {
  __m512i const wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(signs)));
  __m512i const flipped = _mm512_ternarylogic_epi32(_mm512_castps_si512(x.raw()), wide,
                                                    _mm512_set1_epi32(static_cast<int>(0x80000000U)), 0x78);
  return float_lanes<Arch>::of(_mm512_castsi512_ps(flipped));
}
#endif

#if DFROT_CPU_NEON
/// The same by a multiplication.
template <class Arch>
requires(has<Arch, neon>) [[nodiscard]] float_lanes<Arch> with_signs(float_lanes<Arch> x, std::int8_t const* signs) {
  using lanes = float_lanes<Arch>;
  float sign[lanes::width];
  std::copy_n(signs, lanes::width, sign);
  return x * lanes::load(sign);
}
#endif

/// A stored run whose values are multiplied by signs when they are read.
/// @tparam MayLackSigns signs may be null, for none: asked at each register, which costs less code than a second transform for
/// sources without signs where no other caller has one
template <class Arch, storage T, bool MayLackSigns = false>
struct signed_run {
  using lanes = float_lanes<Arch>;
  static constexpr bool is_plain = false;
  T* data;
  std::int8_t const* signs;

  signed_run operator+(std::size_t first) const { return {data + first, has_signs() ? signs + first : nullptr}; }
  lanes operator()(std::size_t i) const {
    auto const x = lanes::load(data + i);
    return has_signs() ? with_signs(x, signs + i) : x;
  }
  lanes operator()(std::size_t i, std::size_t count) const {
    auto const x = lanes::load(data + i, count);
    if (!has_signs()) {
      return x;
    }
    std::int8_t padded[lanes::width] = {};  // not a byte beyond the last sign is read
    std::copy_n(signs + i, count, padded);
    return with_signs(x, padded);
  }
  /// The floats in memory if they are what is read, null if they are converted or multiplied by signs.
  [[nodiscard]] float const* as_stored() const {
    if constexpr (std::is_same_v<std::remove_const_t<T>, float>) {
      return has_signs() ? nullptr : data;
    }
    return nullptr;
  }
  /// Results that take the place of what was read have their signs already.
  [[nodiscard]] stored_run<Arch, T> place() const { return {data}; }

 private:
  [[nodiscard]] bool has_signs() const { return !MayLackSigns || signs != nullptr; }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
