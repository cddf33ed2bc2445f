#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cuda {

/// Four neighbours, read and written in one access of 8 or 16 bytes (two of 16 for double).
template <class T>
struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) quad {
  T value[4];
};

/// load() of a stored value with the device's own conversion of half; the same value.
template <storage T>
[[nodiscard]] __device__ inline arithmetic_t<T> load_value(T stored) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<std::remove_cv_t<T>, half>) {
    float value = 0;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(stored.bits));
    return value;
  }
#endif
  return load(stored);
}

/// store() with the device's own conversions to half and bfloat16: round to nearest, ties to even. A NaN stays a NaN,
/// but its payload is the device's.
template <storage T>
[[nodiscard]] __device__ inline T store_value(arithmetic_t<T> value) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, half>) {
    half stored;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(stored.bits) : "f"(value));
    return stored;
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    bfloat16 stored;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(stored.bits) : "f"(value));
    return stored;
  }
#endif
  return store<T>(value);
}

/// store_saturated() with the device's own conversions.
template <storage T, class Real>
[[nodiscard]] __device__ inline T store_saturated_value(Real value) {
  return store_value<T>(static_cast<arithmetic_t<T>>(dfrot::detail::saturated<T>(value)));
}

}  // namespace dfrot::cuda
