#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Four rows of results for one chunk of columns: result[r] = sum over the inputs a of sign(first + r, a) column[a].
/// Inputs are summed in blocks, since K float terms in one chain would lose a digit.
template <std::size_t Width, class T, class Sign>
void plain_4_results(T const* __restrict columns, std::size_t base, Sign const& sign, T (&result)[4][Width]) {
  constexpr std::size_t block = 32;
  std::fill(&result[0][0], &result[0][0] + 4 * Width, T{0});
  for (std::size_t first = 0; first < base; first += block) {
    T sum[4][Width] = {};
    for (std::size_t a = first; a < std::min(first + block, base); ++a) {
      for (std::size_t r = 0; r < 4; ++r) {
        auto const factor = static_cast<T>(sign(r, a));
        for (std::size_t w = 0; w < Width; ++w) {
          sum[r][w] += factor * columns[a * Width + w];
        }
      }
    }
    for (std::size_t r = 0; r < 4; ++r) {
      for (std::size_t w = 0; w < Width; ++w) {
        result[r][w] += sum[r][w];
      }
    }
  }
}

/// The base matrix H_K, or its transpose, across the K runs of 2^m values, Width columns at a time, and the scale.
/// Takes LargestBase x Width values on the stack. @pre K <= LargestBase
template <std::size_t LargestBase, std::size_t Width, class T>
void plain_base_matrix_by_chunks(hadamard_order const& order, bool transpose, T* values, T scale) {
  alignas(64) T columns[LargestBase * Width];
  std::size_t const base = order.base();
  std::size_t const rest = order.rest();
  std::int8_t const* const signs = order.base_row(0);
  std::size_t const result_step = transpose ? base : 1;
  std::size_t const input_step = transpose ? 1 : base;
  for (std::size_t first = 0; first < rest; first += Width) {
    std::size_t const width = std::min(Width, rest - first);
    for (std::size_t a = 0; a < base; ++a) {
      T* const end = std::copy_n(values + a * rest + first, width, columns + a * Width);
      std::fill(end, columns + (a + 1) * Width, T{0});
    }
    for (std::size_t c = 0; c < base; c += 4) {  // a base above 1 is a multiple of 4
      alignas(64) T result[4][Width];
      plain_4_results<Width>(
          columns, base, [=](std::size_t r, std::size_t a) { return signs[(c + r) * result_step + a * input_step]; },
          result);
      for (std::size_t r = 0; r < 4; ++r) {
        for (std::size_t w = 0; w < width; ++w) {
          values[(c + r) * rest + first + w] = result[r][w] * scale;
        }
      }
    }
  }
}

/// The base matrix in plain loops, for every order and type. Picks the chunk of columns: 32 wide as long as K of them
/// are at most 128 KiB of float, so that each sign is read once for many columns (and g++ vectorizes loops of 32, but not
/// of 16); narrow for the few larger bases.
/// Complexity: K multiplications and additions a value.
template <class T>
void plain_base_matrix(hadamard_order const& order, bool transpose, T* values, T scale) {
  if (order.base() <= 128) {
    plain_base_matrix_by_chunks<128, 32>(order, transpose, values, scale);
  } else if (order.base() <= 1024) {
    plain_base_matrix_by_chunks<1024, 32>(order, transpose, values, scale);
  } else {
    plain_base_matrix_by_chunks<largest_hadamard_base, 8>(order, transpose, values, scale);
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
