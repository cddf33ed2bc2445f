#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// sum += factor x. g++ unrolls a loop of up to 16 steps before it looks for vectors, and finds none after that; longer ones
/// it treats better by itself.
template <std::size_t Width, class T>
DFROT_CPU_INLINE inline void add_scaled(T factor, T const* __restrict x, T (&sum)[Width]) {
  if constexpr (Width >= 32) {
    for (std::size_t w = 0; w < Width; ++w) {
      sum[w] += factor * x[w];
    }
  } else {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 1
#endif
    for (std::size_t w = 0; w < Width; ++w) {
      sum[w] += factor * x[w];
    }
  }
}

/// Rows of results for one chunk of columns: result[r] = sum over the inputs a of sign(r, a) column[a].
/// Inputs are summed in blocks, since K float terms in one chain would lose a digit.
template <std::size_t Rows, std::size_t Width, class T, class Sign>
void plain_results(T const* __restrict columns, std::size_t base, Sign const& sign, T (&result)[Rows][Width]) {
  constexpr std::size_t block = 32;
  std::fill(&result[0][0], &result[0][0] + Rows * Width, T{0});
  for (std::size_t first = 0; first < base; first += block) {
    T sum[Rows][Width] = {};
    for (std::size_t a = first; a < std::min(first + block, base); ++a) {
      for (std::size_t r = 0; r < Rows; ++r) {
        add_scaled(static_cast<T>(sign(r, a)), columns + a * Width, sum[r]);
      }
    }
    for (std::size_t r = 0; r < Rows; ++r) {
      for (std::size_t w = 0; w < Width; ++w) {
        result[r][w] += sum[r][w];
      }
    }
  }
}

/// The base matrix H_K, or its transpose, across K runs of `count` values, Width columns and Rows results at a time, and the
/// scale. Takes LargestBase x Width values on the stack. @pre Rows <= K <= LargestBase
template <std::size_t LargestBase, std::size_t Width, std::size_t Rows, class T>
DFROT_CPU_APART void plain_base_matrix_by_chunks(hadamard_order const& order, bool transpose, T* values,
                                                 std::size_t count, T scale) {
  alignas(64) T columns[LargestBase * Width];
  std::size_t const base = order.base();
  std::int8_t const* const signs = order.base_row(0);
  std::size_t const result_step = transpose ? base : 1;
  std::size_t const input_step = transpose ? 1 : base;
  for (std::size_t first = 0; first < count; first += Width) {
    std::size_t const width = std::min(Width, count - first);
    for (std::size_t a = 0; a < base; ++a) {
      T* const end = std::copy_n(values + a * count + first, width, columns + a * Width);
      std::fill(end, columns + (a + 1) * Width, T{0});
    }
    for (std::size_t block = 0; block < base; block += Rows) {
      std::size_t const c =
          std::min(block, base - Rows);  // the last block overlaps the one before: the same values again
      alignas(64) T result[Rows][Width];
      plain_results<Rows, Width>(
          columns, base, [=](std::size_t r, std::size_t a) { return signs[(c + r) * result_step + a * input_step]; },
          result);
      for (std::size_t r = 0; r < Rows; ++r) {
        for (std::size_t w = 0; w < width; ++w) {
          values[(c + r) * count + first + w] = result[r][w] * scale;
        }
      }
    }
  }
}

/// The base matrix in plain loops, for every order and type. A chunk has 32 columns while K of them fit the stack, so that each
/// sign is read once for many columns; larger bases have narrower chunks, 48 KiB of the stack at most.
/// Complexity: K multiplications and additions a value.
template <class T>
void plain_base_matrix(hadamard_order const& order, bool transpose, T* values, std::size_t count, T scale) {
  constexpr std::size_t floats = sizeof(T) / sizeof(float);  // in a value
  if (order.base() <= 128) {
    plain_base_matrix_by_chunks<128, 32, 4>(order, transpose, values, count, scale);
  } else if (order.base() <= 256) {
    plain_base_matrix_by_chunks<256, 32 / floats, 4>(order, transpose, values, count, scale);
  } else if (order.base() <= 768) {
    plain_base_matrix_by_chunks<768, 16 / floats, 8>(order, transpose, values, count, scale);
  } else if (order.base() <= 1536) {
    plain_base_matrix_by_chunks<1536, 8 / floats, 8>(order, transpose, values, count, scale);
  } else {
    plain_base_matrix_by_chunks<largest_hadamard_base, 2 / floats, 4>(order, transpose, values, count, scale);
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
