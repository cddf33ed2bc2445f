#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/float_lanes.hpp>
#include <dfrot/backend/cpu/intrinsics.hpp>
#include <dfrot/backend/cpu/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Values that wide_pack takes at once.
inline constexpr std::size_t wide_block = 128;

/// Asks for the memory of Count values before it is needed; nothing is read, so that any address will do.
/// (Always inlined: g++ takes a function that does nothing else for one without effect, and drops calls of it.)
template <std::size_t Count, storage T>
DFROT_CPU_INLINE inline void prefetch([[maybe_unused]] T const* values) {
#if defined(__GNUC__)
  auto const* const bytes = reinterpret_cast<char const*>(values);
  for (std::size_t b = 0; b < Count * sizeof(T); b += 64) {
    __builtin_prefetch(bytes + b);
  }
#endif
}

/// Rounds and packs 128 values in 512-bit registers: the fused multiply-adds that round also gather codes.
///   a = 256 * (magic + code 1)      one fma: the last bit of a is worth 256
///   b = a - 255 * magic             exact:   magic + 256 * code 1
///   c = b + x / scale               one fma: magic + 256 * code 1 + code 0, rounded as code 0 alone would be
/// Two codes of a register's lane are 16 columns apart; shuffles of the low words bring neighbours together.
template <class Arch>
struct wide_pack;

#if DFROT_CPU_AVX512

template <>
struct wide_pack<avx512> {
  using lanes = float_lanes<avx512>;

  lanes inverse_scale;
  lanes inverse_scale_256;
  __m512i offset;  ///< makes all bytes positive; without clamping, it makes them nibbles at once
  __m512i lowest;  ///< of the grid's codes, with the offset
  __m512i highest;
  __m512i nibble;  ///< what then makes them nibbles
  __m512i flip;

  /// False for a scale whose reciprocal times 256 is not finite, and where codes do not fit into a byte before they are
  /// clamped. @param reach no |x| exceeds reach * scale
  static bool fits(int4_grid<float> const& grid, float reach) { return grid.inverse_scale < 0x1p118F && reach < 120; }

  wide_pack(int4_grid<float> const& grid, bool clamp)
      : inverse_scale(lanes::broadcast(grid.inverse_scale)),
        inverse_scale_256(lanes::broadcast(256.0F * grid.inverse_scale)),
        offset(_mm512_set1_epi16(static_cast<short>(0x0101 * (clamp ? 128 : grid.zero_point - grid.lowest)))),
        lowest(bytes(128 + grid.lowest - grid.zero_point)),
        highest(bytes(128 + grid.highest - grid.zero_point)),
        nibble(bytes(grid.zero_point - grid.lowest - 128)),
        flip(bytes(grid.lowest < 0 ? 0x88 : 0)) {}

  template <bool Clamp, storage T>
  void pack(T const* x, std::uint8_t* out) const {
    _mm512_storeu_si512(out, _mm512_xor_si512(join(sixty_four<Clamp>(x), sixty_four<Clamp>(x + 64)), flip));
  }

 protected:
  static __m512i bytes(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }

  /// 32 columns: lane d holds the codes of columns d and 16 + d in its lowest two bytes, as a sum of signed numbers.
  template <storage T>
  [[nodiscard]] __m512i thirty_two(T const* x) const {
    auto const upper = fma(lanes::load(x + 16), inverse_scale_256, lanes::broadcast(256 * rounding_magic));
    auto const start = upper - lanes::broadcast(255 * rounding_magic);
    return _mm512_castps_si512(fma(lanes::load(x), inverse_scale, start).raw());
  }

  /// 64 columns: lane d holds two bytes of the result, 8 * (d / 8) + d % 8 and 8 behind that.
  template <bool Clamp, storage T>
  [[nodiscard]] __m512i sixty_four(T const* x) const {
    __m512i const even_words = _mm512_setr_epi32(0x00020000, 0x00060004, 0x000a0008, 0x000e000c, 0x00120010, 0x00160014,
                                                 0x001a0018, 0x001e001c, 0x00220020, 0x00260024, 0x002a0028, 0x002e002c,
                                                 0x00320030, 0x00360034, 0x003a0038, 0x003e003c);
    __m512i words = _mm512_permutex2var_epi16(thirty_two(x), even_words, thirty_two(x + 32));
    words = _mm512_add_epi16(words, offset);
    if constexpr (Clamp) {
      words = _mm512_add_epi8(_mm512_min_epu8(_mm512_max_epu8(words, lowest), highest), nibble);
    }
    return _mm512_or_si512(words, _mm512_srli_epi32(words, 12));
  }

  /// The 64 bytes of two such registers in order.
  static __m512i join(__m512i first, __m512i second) {
    __m512i const four_bytes = _mm512_mask_blend_epi16(0xaaaaaaaa, first, _mm512_slli_epi32(second, 16));
    __m512i const in_quarters =
        _mm512_shuffle_epi8(four_bytes, _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400));
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15),
                                    in_quarters);
  }
};

#endif
#if DFROT_CPU_AVX512_VNNI

template <>
struct wide_pack<avx512_vnni> : wide_pack<avx512> {
  using wide_pack<avx512>::wide_pack;

  template <bool Clamp, storage T>
  void pack(T const* x, std::uint8_t* out) const {
    _mm512_storeu_si512(out, _mm512_xor_si512(join(sixty_four<Clamp>(x), sixty_four<Clamp>(x + 64)), flip));
  }

  /// In one permutation of bytes.
  static __m512i join(__m512i first, __m512i second) {
    __m512i const order =
        _mm512_setr_epi64(0x1c1814100c080400, 0x1d1915110d090501, 0x3c3834302c282420, 0x3d3935312d292521,
                          0x5c5854504c484440, 0x5d5955514d494541, 0x7c7874706c686460, 0x7d7975716d696561);
    return _mm512_permutex2var_epi8(first, order, second);
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
