#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/tuning.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

// Pointers are __restrict so that compilers vectorize these loops without checking for overlap at run time.

/// Two levels at once between four runs of `count` values.
template <class T>
void butterfly_4_runs(T* __restrict a, T* __restrict b, T* __restrict c, T* __restrict d, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    T const sum_ab = a[i] + b[i];
    T const difference_ab = a[i] - b[i];
    T const sum_cd = c[i] + d[i];
    T const difference_cd = c[i] - d[i];
    a[i] = sum_ab + sum_cd;
    b[i] = difference_ab + difference_cd;
    c[i] = sum_ab - sum_cd;
    d[i] = difference_ab - difference_cd;
  }
}

/// One level between two runs of `count` values.
template <class T>
void butterfly_2_runs(T* __restrict a, T* __restrict b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    T const sum = a[i] + b[i];
    b[i] = a[i] - b[i];
    a[i] = sum;
  }
}

/// Two levels between neighbours: transforms each group of four and deals its results out to four runs, so that the
/// next levels are between neighbours again and the order is natural after the last.
template <class T>
void butterfly_4_neighbours(T const* __restrict from, T* __restrict to, std::size_t groups, T scale) {
  for (std::size_t i = 0; i < groups; ++i) {
    T const sum_ab = from[4 * i] + from[4 * i + 1];
    T const difference_ab = from[4 * i] - from[4 * i + 1];
    T const sum_cd = from[4 * i + 2] + from[4 * i + 3];
    T const difference_cd = from[4 * i + 2] - from[4 * i + 3];
    to[i] = (sum_ab + sum_cd) * scale;
    to[groups + i] = (difference_ab + difference_cd) * scale;
    to[2 * groups + i] = (sum_ab - sum_cd) * scale;
    to[3 * groups + i] = (difference_ab - difference_cd) * scale;
  }
}

/// One level between neighbours, dealt out to two runs.
template <class T>
void butterfly_2_neighbours(T const* __restrict from, T* __restrict to, std::size_t groups, T scale) {
  for (std::size_t i = 0; i < groups; ++i) {
    to[i] = (from[2 * i] + from[2 * i + 1]) * scale;
    to[groups + i] = (from[2 * i] - from[2 * i + 1]) * scale;
  }
}

/// The whole transform of one tile, 2^levels values, levels <= log2(tuning::portable_tile_values).
template <class T>
void walsh_hadamard_tile(T* values, std::size_t levels, T scale) {
  alignas(64) T scratch[tuning::portable_tile_values];
  std::size_t const size = std::size_t{1} << levels;
  T* from = values;
  T* to = scratch;
  while (levels > 0) {
    if (levels == 1) {
      butterfly_2_neighbours(from, to, size / 2, scale);
      levels = 0;
    } else {
      levels -= 2;
      butterfly_4_neighbours(from, to, size / 4, levels == 0 ? scale : T{1});
    }
    std::swap(from, to);
  }
  if (from != values) {
    std::copy(from, from + size, values);
  }
}

}  // namespace detail

/// The Walsh-Hadamard matrix of order 2^m on one run of values, in place: values <- scale values H_{2^m}.
/// For portable code and for double; walsh_hadamard.hpp is the transform of registers.
/// Far levels go first, as butterflies between runs; the last eight are done tile by tile in the order of Pease, where
/// every level reads neighbours and writes whole runs: one pattern, which compilers vectorize however near the level is.
/// @param values 2^m values   @param log2_count m   @param scale multiplies the result (the sums are complete by then)
/// Complexity: m 2^m additions.
/// Source: Pease, "An adaptation of the fast Fourier transform for parallel processing", 1968.
template <class T>
void walsh_hadamard_plain(T* values, std::size_t log2_count, T scale) noexcept {
  std::size_t const count = std::size_t{1} << log2_count;
  std::size_t run = count;
  while (run >= 4 * tuning::portable_tile_values) {
    run /= 4;
    for (std::size_t i = 0; i < count; i += 4 * run) {
      T* const first = values + i;
      detail::butterfly_4_runs(first, first + run, first + 2 * run, first + 3 * run, run);
    }
  }
  if (run > tuning::portable_tile_values) {
    run /= 2;
    for (std::size_t i = 0; i < count; i += 2 * run) {
      detail::butterfly_2_runs(values + i, values + i + run, run);
    }
  }
  std::size_t const tile_levels = std::min<std::size_t>(log2_count, 8);
  for (std::size_t i = 0; i < count; i += run) {
    detail::walsh_hadamard_tile(values + i, tile_levels, scale);
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
