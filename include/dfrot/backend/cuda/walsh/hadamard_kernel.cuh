#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cuda/device/convert.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/walsh/base_matrix.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_tile.cuh>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cuda {

/// One pass of a transform over memory: to <- transform(from . signs_before) * scale . signs_after, tile by tile.
/// `from` and `to` may be the same.
template <class In, class Out>
struct hadamard_pass {
  In const* from = nullptr;
  Out* to = nullptr;
  std::size_t from_stride = 0;  ///< from row to row
  std::size_t to_stride = 0;
  std::size_t run = 0;          ///< n: values of a run
  std::size_t runs_of_row = 1;  ///< heads, one after the other
  std::size_t tiles = 0;        ///< in all rows
  hadamard_tile tile;
  std::int8_t const* signs_before = nullptr;  ///< n signs, or none
  std::int8_t const* signs_after = nullptr;
  arithmetic_t<Out> scale = 1;
  bool in_quads = false;  ///< four neighbours of a tile are four neighbours in memory, aligned as a quad
};

/// Where one tile is: offsets of its first value.
struct tile_place {
  std::size_t from;
  std::size_t to;
  std::size_t channel;  ///< in its run: which signs are its
};

template <class In, class Out>
[[nodiscard]] DFROT_HOST_DEVICE tile_place place_of_tile(hadamard_pass<In, Out> const& pass, std::size_t index) {
  std::size_t const run = index / pass.tile.tiles;
  std::size_t const row = run / pass.runs_of_row;
  std::size_t const channel = pass.tile.start(index % pass.tile.tiles);
  std::size_t const column = run % pass.runs_of_row * pass.run + channel;
  return {row * pass.from_stride + column, row * pass.to_stride + column, channel};
}

/// Calls body(first, count) for the quads of a tile that a thread has: four neighbours, or what is left of 1 or 2
/// values.
template <class Body>
__device__ inline void for_each_quad(hadamard_tile const& tile, unsigned thread, Body const& body) {
  unsigned const size = tile.size();
  for (unsigned first = 4 * thread; first < size; first += 4 * tile.threads) {
    body(first, size - first < 4 ? size - first : 4u);
  }
}

/// Levels below this one are done while a tile is loaded: the first two, where a quad has them.
[[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned levels_of_load(hadamard_tile const& tile) {
  return tile.first_level == 0 && tile.log2_rest >= 2 ? 2u : tile.first_level;
}

/// Memory -> shared memory, with the signs and the first two levels.
template <class In, class Out, class Real>
__device__ inline void load_tile(hadamard_pass<In, Out> const& pass, tile_place const& place, Real* values,
                                 unsigned thread) {
  hadamard_tile const& tile = pass.tile;
  for_each_quad(tile, thread, [&](unsigned first, unsigned count) {
    quad<In> stored{};
    if (pass.in_quads) {
      stored = *reinterpret_cast<quad<In> const*>(pass.from + place.from + tile.offset(first));
    } else {
      for (unsigned e = 0; e < count; ++e) {
        stored.value[e] = pass.from[place.from + tile.offset(first + e)];
      }
    }
    quad<Real> loaded{};
    for (unsigned e = 0; e < count; ++e) {
      loaded.value[e] = static_cast<Real>(load_value(stored.value[e]));
      if (pass.signs_before != nullptr) {
        loaded.value[e] *= static_cast<Real>(pass.signs_before[place.channel + tile.offset(first + e)]);
      }
    }
    if (levels_of_load(tile) > tile.first_level) {
      butterflies<2>(loaded.value);
    }
    for (unsigned e = 0; e < count; ++e) {
      values[padded(first) + e] = loaded.value[e];
    }
  });
}

/// Shared memory -> memory, with the scale and the signs.
template <class In, class Out, class Real>
__device__ inline void store_tile(hadamard_pass<In, Out> const& pass, tile_place const& place, Real const* values,
                                  unsigned thread) {
  hadamard_tile const& tile = pass.tile;
  for_each_quad(tile, thread, [&](unsigned first, unsigned count) {
    quad<Out> stored{};
    for (unsigned e = 0; e < count; ++e) {
      Real value = values[padded(first) + e] * pass.scale;
      if (pass.signs_after != nullptr) {
        value *= static_cast<Real>(pass.signs_after[place.channel + tile.offset(first + e)]);
      }
      stored.value[e] = store_value<Out>(value);
    }
    if (pass.in_quads) {
      *reinterpret_cast<quad<Out>*>(pass.to + place.to + tile.offset(first)) = stored;
    } else {
      for (unsigned e = 0; e < count; ++e) {
        pass.to[place.to + tile.offset(first + e)] = stored.value[e];
      }
    }
  });
}

/// Where the words of a base matrix are for the threads of a block: in shared memory, where they came as an argument.
__device__ inline std::uint16_t const* base_words_of_block(base_signs const& signs, unsigned base,
                                                           std::uint16_t* shared) {
  if (signs.memory != nullptr) {
    return signs.memory;
  }
  for (unsigned i = threadIdx.x; i < base * base_words(base); i += blockDim.x) {
    shared[i] = signs.argument[i];
  }
  return shared;
}

/// A block has blockDim.x / tile.threads tiles. Shared memory: the padded tiles, then the words of the base matrix.
template <class In, class Out, class Signs>
__global__ void __launch_bounds__(1024)
    hadamard_tiles(__grid_constant__ hadamard_pass<In, Out> const pass, __grid_constant__ Signs const signs) {
  using real = arithmetic_t<Out>;
  hadamard_tile const& tile = pass.tile;
  unsigned const tiles_of_block = blockDim.x / tile.threads;
  unsigned const slot = threadIdx.x / tile.threads;
  unsigned const thread = threadIdx.x % tile.threads;
  real* const shared = shared_memory<real>();
  real* const values = shared + slot * padded(tile.size());
  std::size_t const index = std::size_t{blockIdx.x} * tiles_of_block + slot;
  bool const works = index < pass.tiles;
  tile_place const place = place_of_tile(pass, works ? index : 0);
  std::uint16_t const* words = nullptr;
  if constexpr (std::is_same_v<Signs, base_signs>) {
    words = base_words_of_block(signs, tile.base,
                                reinterpret_cast<std::uint16_t*>(shared + tiles_of_block * padded(tile.size())));
  }
  if (works) {
    load_tile(pass, place, values, thread);
  }
  __syncthreads();
  walsh_hadamard(tile, values, levels_of_load(tile), thread);
  if constexpr (std::is_same_v<Signs, base_signs>) {
    multiply_by_base(tile, values, words, thread);
  }
  if (works) {
    store_tile(pass, place, values, thread);
  }
}

}  // namespace dfrot::cuda
