#pragma once

#include <cstdint>

#include <dfrot/backend/cuda/walsh/base_signs.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_tile.cuh>
#include <dfrot/config.hpp>

namespace dfrot::cuda {

/// Sixteen outputs of the base matrix for column d of a tile: output 16 u + j = sum over i of +-values[i][d].
/// Sums of 16 terms are summed, so that errors do not grow with K.
template <class Real>
__device__ inline void base_sums(hadamard_tile const& tile, Real const* values, std::uint16_t const* words, unsigned u,
                                 unsigned d, Real (&sum)[base_outputs]) {
  unsigned const words_of_input = base_words(tile.base);
  for (unsigned first = 0; first < tile.base; first += 16) {
    Real part[base_outputs] = {};
    unsigned const last = first + 16 < tile.base ? first + 16 : tile.base;
    for (unsigned i = first; i < last; ++i) {
      Real const value = values[padded((i << tile.log2_rest) + d)];
      unsigned const word = words[i * words_of_input + u];
      DFROT_DEVICE_UNROLL for (unsigned j = 0; j < base_outputs; ++j) { part[j] += with_sign(value, word, j); }
    }
    DFROT_DEVICE_UNROLL for (unsigned j = 0; j < base_outputs; ++j) { sum[j] += part[j]; }
  }
}

/// The base matrix across the K runs of a tile in shared memory, in place, a few columns at a time: a thread keeps
/// sixteen outputs of one column, until all inputs of these columns were read. Ends with a barrier.
/// @pre a barrier before it; every thread of the block calls it, with equal tiles; threads >= base_words(base)
template <class Real>
__device__ inline void multiply_by_base(hadamard_tile const& tile, Real* values, std::uint16_t const* words,
                                        unsigned thread) {
  unsigned const rest = 1u << tile.log2_rest;
  unsigned const columns_at_once = tile.threads / base_words(tile.base);
  unsigned const u = thread / columns_at_once;
  for (unsigned first = 0; first < rest; first += columns_at_once) {
    unsigned const d = first + thread % columns_at_once;
    bool const works = u < base_words(tile.base) && d < rest;
    Real sum[base_outputs] = {};
    if (works) {
      base_sums(tile, values, words, u, d, sum);
    }
    __syncthreads();
    if (works) {
      DFROT_DEVICE_UNROLL for (unsigned j = 0; j < base_outputs; ++j) {
        if (u * base_outputs + j < tile.base) {
          values[padded(((u * base_outputs + j) << tile.log2_rest) + d)] = sum[j];
        }
      }
    }
  }
  __syncthreads();
}

}  // namespace dfrot::cuda
