#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/xsimd_compat.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// As many doubles as float_lanes has floats, in two registers: for sums that float would spoil. Not for portable.
template <class Arch>
struct double_lanes;

#if DFROT_CPU_AVX2 || DFROT_CPU_NEON

template <class Arch>
struct double_lanes {
  using batch = xsimd::batch<double, xsimd_arch<Arch>>;

  batch lower = batch(0.0);
  batch upper = batch(0.0);

  double_lanes() = default;
  /// Every float as a double, exactly.
  explicit double_lanes(float_lanes<Arch> values);

  friend double_lanes operator-(double_lanes a, double_lanes const& b) {
    a.lower -= b.lower;
    a.upper -= b.upper;
    return a;
  }

  /// Adds the square of each lane of a to this one, rounded once.
  void add_square(double_lanes const& a) {
    lower = fused(a.lower, a.lower, lower);
    upper = fused(a.upper, a.upper, upper);
  }

  /// The sum of all lanes, in a fixed order.
  [[nodiscard]] double total() const {
    double lane[batch::size];
    (lower + upper).store_unaligned(lane);
    double sum = 0;
    for (double value : lane) {
      sum += value;
    }
    return sum;
  }
};

#endif
#if DFROT_CPU_AVX2

template <>
inline double_lanes<avx2>::double_lanes(float_lanes<avx2> values)
    : lower(_mm256_cvtps_pd(_mm256_castps256_ps128(values.raw()))),
      upper(_mm256_cvtps_pd(_mm256_extractf128_ps(values.raw(), 1))) {}

#endif
#if DFROT_CPU_AVX512

template <>
inline double_lanes<avx512>::double_lanes(float_lanes<avx512> values)
    : lower(_mm512_cvtps_pd(_mm512_castps512_ps256(values.raw()))),
      upper(_mm512_cvtps_pd(_mm512_extractf32x8_ps(values.raw(), 1))) {}

template <>
inline double_lanes<avx512_vnni>::double_lanes(float_lanes<avx512_vnni> values)
    : lower(_mm512_cvtps_pd(_mm512_castps512_ps256(values.raw()))),
      upper(_mm512_cvtps_pd(_mm512_extractf32x8_ps(values.raw(), 1))) {}

#endif
#if DFROT_CPU_NEON

template <>
inline double_lanes<neon>::double_lanes(float_lanes<neon> values)
    : lower(vcvt_f64_f32(vget_low_f32(values.raw()))), upper(vcvt_high_f64_f32(values.raw())) {}

#endif

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
