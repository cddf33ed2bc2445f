#pragma once

#include <cmath>
#include <type_traits>

#include <dfrot/backend/cuda/device/convert.cuh>
#include <dfrot/format/int4_grid.hpp>

namespace dfrot::cuda {

/// The grid of a group that holds a NaN or an infinity: its scale is NaN, so that everything computed with it is, and
/// all its codes are 0.
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr int4_grid<Real> grid_of_nothing() {
  return {static_cast<Real>(__builtin_nanf("")), Real{0}, 0, 0, 0};
}

/// grid.encode(x), to the bit, for any x (NaN gives the lowest code). For float without double, which few devices are
/// fast at: a fused multiply-add to 1.5 * 2^23 rounds the unrounded product to an integer, half to even, where it is
/// below 2^22; beyond, it is off the grid, and stays so.
template <class Real>
[[nodiscard]] __device__ inline int encode_value(int4_grid<Real> const& grid, Real x) {
  Real const low = static_cast<Real>(grid.lowest - grid.zero_point);
  Real const high = static_cast<Real>(grid.highest - grid.zero_point);
  if constexpr (std::is_same_v<Real, float>) {
    constexpr float magic = 0x1.8p23F;
    float const rounded = std::fma(x, grid.inverse_scale, magic) - magic;
    float const inside = rounded > low ? (rounded < high ? rounded : high) : low;
    return static_cast<int>(inside) + grid.zero_point;
  } else {
    Real const exact = x * grid.inverse_scale;
    Real const inside = exact > low ? (exact < high ? exact : high) : low;
    return static_cast<int>(dfrot::detail::round_half_even(inside)) + grid.zero_point;
  }
}

/// Writes the first `count` of four neighbours: in one access where that may be.
template <class T>
__device__ inline void write_quad(T* to, quad<T> const& values, unsigned count, bool in_quads) {
  if (in_quads && count == 4) {
    *reinterpret_cast<quad<T>*>(to) = values;
  } else {
    for (unsigned e = 0; e < count; ++e) {
      to[e] = values.value[e];
    }
  }
}

/// Reads `count` of four neighbours, the others are T{}: in one access where that may be.
template <class T>
[[nodiscard]] __device__ inline quad<T> read_quad(T const* from, unsigned count, bool in_quads) {
  quad<T> values{};
  if (in_quads && count == 4) {
    values = *reinterpret_cast<quad<T> const*>(from);
  } else {
    for (unsigned e = 0; e < count; ++e) {
      values.value[e] = from[e];
    }
  }
  return values;
}

}  // namespace dfrot::cuda
