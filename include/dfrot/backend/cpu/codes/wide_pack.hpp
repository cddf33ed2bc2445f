#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Values that wide_pack takes at once.
inline constexpr std::size_t wide_block = 128;

/// Asks for the memory of Count values before it is needed; nothing is read, so that any address will do.
/// Every second line: processors bring its neighbour, too, and each request takes the place of a load.
/// (Always inlined: g++ takes a function that does nothing else for one without effect, and drops calls of it.)
template <std::size_t Count, storage T>
DFROT_CPU_INLINE inline void prefetch([[maybe_unused]] T const* values) {
#if defined(__GNUC__)
  auto const* const bytes = reinterpret_cast<char const*>(values);
  for (std::size_t b = 0; b < Count * sizeof(T); b += 128) {
    __builtin_prefetch(bytes + b);
  }
#endif
}

/// Rounds and packs 128 values in 512-bit registers: the fused multiply-adds that round also gather codes.
///   a = 256 * (M + code 1)        one fma: the last bit of a is worth 256;   M = 2^23 + 2^15
///   b = a - (255 * M - 128)       exact:   M + 128 + 256 * code 1
///   c = b + x / scale             one fma: M + 128 + 256 * code 1 + code 0, rounded as code 0 alone would be
/// The codes here are still without zero point. The lowest bytes of c are 128 + code 0 and 128 + code 1: positive, so that
/// neither borrows from the other, and with the codes' own last four bits. (All constants are floats; 255 * M - 128 is one
/// just because M is no larger.) Two codes of a register's lane are 16 columns apart, and neighbours in neighbouring lanes.
/// @tparam Grids 1: one grid; 4: one for every 32 values
template <class Arch, std::size_t Grids = 1>
struct wide_pack;

#if DFROT_CPU_AVX512

template <std::size_t Grids>
struct wide_pack<avx512, Grids> {
  using lanes = float_lanes<avx512>;

  lanes inverse_scale[Grids];
  lanes inverse_scale_256[Grids];
  __m512i lowest;  ///< of the bytes
  __m512i highest;
  __m512i zero_point;

  /// False for a scale whose reciprocal times 256 is not finite, and where codes do not fit into a byte before they are
  /// clamped. @param reach no |x| exceeds reach * scale
  static bool fits(int4_grid<float> const& grid, float reach) {
    return std::abs(grid.inverse_scale) < 0x1p118F && reach < 120;
  }

  explicit wide_pack(int4_grid<float> const& grid) requires(Grids == 1)
      : inverse_scale{lanes::broadcast(grid.inverse_scale)},
        inverse_scale_256{lanes::broadcast(256.0F * grid.inverse_scale)},
        lowest(bytes(128 + grid.lowest - grid.zero_point)),
        highest(bytes(128 + grid.highest - grid.zero_point)),
        zero_point(bytes(grid.zero_point)) {}

  /// @param run number of the first run of 32 values, to be counted in groups of 2^log2_runs runs
  /// @param inverse, inverse_256, zero_points 1 / scale, 256 / scale and the zero point, as a byte, of each group
  /// @param lowest_code of all grids, -8 or 0
  wide_pack(std::size_t run, unsigned log2_runs, float const* inverse, float const* inverse_256,
            std::int8_t const* zero_points, int lowest_code) requires(Grids == 4) {
    std::int32_t four = 0;
    detail::unroll<4>([&](auto k) DFROT_CPU_INLINE {
      std::size_t const group = (run + k) >> log2_runs;
      inverse_scale[k] = lanes::broadcast(inverse[group]);
      inverse_scale_256[k] = lanes::broadcast(inverse_256[group]);
      four |= static_cast<std::int32_t>(zero_points[group]) << (8 * k);
    });
    // The order of sixty_four() and scattered_nibbles(): runs 0 and 1 in two lanes, runs 2 and 3 in the next two.
    zero_point =
        _mm512_shuffle_epi8(_mm512_set1_epi32(four), _mm512_set4_epi32(0x03030202, 0x03030202, 0x01010000, 0x01010000));
    lowest = _mm512_sub_epi8(bytes(128 + lowest_code), zero_point);
    highest = _mm512_add_epi8(lowest, bytes(15));
  }

  /// 128 nibbles at out. @tparam Shift false only if the grid's zero point is 0
  template <bool Clamp, bool Shift, storage T>
  void pack(T const* x, std::uint8_t* out) const {
    _mm512_storeu_si512(out, in_order(scattered_nibbles<Clamp, Shift>(x)));
  }

 protected:
  static __m512i bytes(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }

  /// 32 columns: lane d holds the bytes of columns d and 16 + d below two that mean nothing.
  template <std::size_t Run, storage T>
  [[nodiscard]] __m512i thirty_two(T const* x) const {
    constexpr float magic = 0x1p23F + 0x1p15F;
    auto const upper = fma(lanes::load(x + 16), inverse_scale_256[Run % Grids], lanes::broadcast(256 * magic));
    auto const start = upper - lanes::broadcast(255 * magic - 128);
    return _mm512_castps_si512(fma(lanes::load(x), inverse_scale[Run % Grids], start).raw());
  }

  /// 64 columns: byte b of lane d is that of column 16 * b + d.
  template <std::size_t Run, storage T>
  [[nodiscard]] __m512 sixty_four(T const* x) const {
    __m512i const upper_half = _mm512_set4_epi32(0x0d0c0000, 0x09080000, 0x05040000, 0x01000000);
    return _mm512_castsi512_ps(
        _mm512_mask_shuffle_epi8(thirty_two<Run>(x), 0xcccccccccccccccc, thirty_two<Run + 1>(x + 32), upper_half));
  }

  /// Bytes whose last four bits are the nibbles: of values within the grid, and counted from its zero point.
  template <bool Clamp, bool Shift>
  [[nodiscard]] __m512i finish(__m512 placed) const {
    __m512i codes = _mm512_castps_si512(placed);
    if constexpr (Clamp) {
      codes = _mm512_min_epu8(_mm512_max_epu8(codes, lowest), highest);
    }
    if constexpr (Shift) {
      codes = _mm512_add_epi8(codes, zero_point);
    }
    return codes;
  }

  /// 128 columns: byte b of lane 4 * d + 2 * h + k is that of columns 64 * h + 16 * b + 4 * d + 2 * k and the next one.
  template <bool Clamp, bool Shift, storage T>
  [[nodiscard]] __m512i scattered_nibbles(T const* x) const {
    __m512 const first = sixty_four<0>(x);
    __m512 const second = sixty_four<2>(x + 64);
    __m512i const even = finish<Clamp, Shift>(_mm512_shuffle_ps(first, second, 0x88));
    __m512i const odd = finish<Clamp, Shift>(_mm512_shuffle_ps(first, second, 0xdd));
    constexpr int select = 0xca;
    return _mm512_ternarylogic_epi32(bytes(15), even, _mm512_slli_epi32(odd, 4), select);
  }

  static __m512i in_order(__m512i scattered) {
    __m512i const pairs =
        _mm512_shuffle_epi8(scattered, _mm512_set4_epi32(0x0f0b0e0a, 0x0d090c08, 0x07030602, 0x05010400));
    return _mm512_permutexvar_epi16(
        _mm512_setr_epi32(0x00080000, 0x00180010, 0x00090001, 0x00190011, 0x000a0002, 0x001a0012, 0x000b0003,
                          0x001b0013, 0x000c0004, 0x001c0014, 0x000d0005, 0x001d0015, 0x000e0006, 0x001e0016,
                          0x000f0007, 0x001f0017),
        pairs);
  }
};

#endif
#if DFROT_CPU_AVX512_VNNI

template <std::size_t Grids>
struct wide_pack<avx512_vnni, Grids> : wide_pack<avx512, Grids> {
  using wide_pack<avx512, Grids>::wide_pack;

  template <bool Clamp, bool Shift, storage T>
  void pack(T const* x, std::uint8_t* out) const {
    _mm512_storeu_si512(out, in_order(this->template scattered_nibbles<Clamp, Shift>(x)));
  }

  /// In one permutation of bytes.
  static __m512i in_order(__m512i scattered) {
    return _mm512_permutexvar_epi8(
        _mm512_setr_epi64(0x3430242014100400, 0x3531252115110501, 0x3632262216120602, 0x3733272317130703,
                          0x3c382c281c180c08, 0x3d392d291d190d09, 0x3e3a2e2a1e1a0e0a, 0x3f3b2f2b1f1b0f0b),
        scattered);
  }
};

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
