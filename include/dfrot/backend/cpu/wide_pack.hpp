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
/// Two codes of a register's lane are 16 columns apart, and neighbours in neighbouring lanes: a shift brings them together.
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
    _mm512_storeu_si512(out, in_order(join(sixty_four<Clamp>(x), sixty_four<Clamp>(x + 64))));
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

  /// 64 columns: byte k of 64-bit lane q is that of columns 16 * k + 2 * q and the next one, for k < 4.
  template <bool Clamp, storage T>
  [[nodiscard]] __m512i sixty_four(T const* x) const {
    __m512i const upper_half = _mm512_set4_epi32(0x0d0c0000, 0x09080000, 0x05040000, 0x01000000);
    __m512i codes = _mm512_mask_shuffle_epi8(thirty_two(x), 0xcccccccccccccccc, thirty_two(x + 32), upper_half);
    codes = _mm512_add_epi16(codes, offset);
    if constexpr (Clamp) {
      codes = _mm512_add_epi8(_mm512_min_epu8(_mm512_max_epu8(codes, lowest), highest), nibble);
    }
    constexpr int or_then_xor = 0x56;
    return _mm512_ternarylogic_epi32(codes, _mm512_srli_epi64(codes, 28), flip, or_then_xor);
  }

  /// The bytes of two such registers: those of the second one in the upper halves of 64-bit lanes.
  static __m512i join(__m512i first, __m512i second) {
    return _mm512_mask_shuffle_epi32(first, 0xaaaa, second, _MM_PERM_CCAA);
  }

  /// Brings byte k of each 64-bit lane q to 8 * k + q.
  static __m512i in_order(__m512i joined) {
    __m512i const pairs =
        _mm512_shuffle_epi8(joined, _mm512_set4_epi32(0x0f070e06, 0x0d050c04, 0x0b030a02, 0x09010800));
    return _mm512_permutexvar_epi16(
        _mm512_setr_epi32(0x00080000, 0x00180010, 0x00090001, 0x00190011, 0x000a0002, 0x001a0012, 0x000b0003,
                          0x001b0013, 0x000c0004, 0x001c0014, 0x000d0005, 0x001d0015, 0x000e0006, 0x001e0016,
                          0x000f0007, 0x001f0017),
        pairs);
  }
};

#endif
#if DFROT_CPU_AVX512_VNNI

template <>
struct wide_pack<avx512_vnni> : wide_pack<avx512> {
  using wide_pack<avx512>::wide_pack;

  template <bool Clamp, storage T>
  void pack(T const* x, std::uint8_t* out) const {
    _mm512_storeu_si512(out, in_order(join(sixty_four<Clamp>(x), sixty_four<Clamp>(x + 64))));
  }

  /// In one permutation of bytes.
  static __m512i in_order(__m512i joined) {
    return _mm512_permutexvar_epi8(
        _mm512_setr_epi64(0x3830282018100800, 0x3931292119110901, 0x3a322a221a120a02, 0x3b332b231b130b03,
                          0x3c342c241c140c04, 0x3d352d251d150d05, 0x3e362e261e160e06, 0x3f372f271f170f07),
        joined);
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
