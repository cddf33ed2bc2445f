#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/product_output.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// True if Count floats are whole registers.
template <class Arch, std::size_t Count>
inline constexpr bool fills_registers = !std::is_same_v<Arch, portable> && Count % float_lanes<Arch>::width == 0;

/// to[i] = T(from[i]), for whole registers; the portable way converts one by one.
template <class Arch, std::size_t Count, product_result T>
void narrow_results(float const* from, T* to) noexcept {
  if constexpr (fills_registers<Arch, Count>) {
    using lanes = float_lanes<Arch>;
    for (std::size_t i = 0; i < Count; i += lanes::width) {
      lanes::load(from + i).store(to + i);
    }
  } else {
    std::transform(from, from + Count, to, [](float value) { return dfrot::store<T>(value); });
  }
}

/// results[i] += values[i], in float.
template <class Arch, std::size_t Count, product_result T>
void add_values(T const* values, float* results) noexcept {
  DFROT_EXACT_MATH
  alignas(64) float widened[Count];
  if constexpr (fills_registers<Arch, Count>) {
    using lanes = float_lanes<Arch>;
    for (std::size_t i = 0; i < Count; i += lanes::width) {
      lanes::load(values + i).store(widened + i);
    }
  } else {
    std::transform(values, values + Count, widened, [](T value) { return load(value); });
  }
  for (std::size_t i = 0; i < Count; ++i) {
    results[i] = widened[i] + results[i];
  }
}

/// Writes the first `count` results of a tile's row; the memory beyond them stays as it is.
template <class Arch, std::size_t Count, product_result T>
void put_results(float const* results, std::size_t count, T* to) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    std::copy_n(results, count, to);
  } else {
    T narrowed[Count];
    narrow_results<Arch, Count>(results, narrowed);
    std::copy_n(narrowed, count, to);
  }
}

/// Adds them to what is there.
template <class Arch, std::size_t Count, product_result T>
void add_results(float* results, std::size_t count, T* to) noexcept {
  T there[Count] = {};
  std::copy_n(to, count, there);
  add_values<Arch, Count>(there, results);
  put_results<Arch, Count>(results, count, to);
}

}  // namespace detail
}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
