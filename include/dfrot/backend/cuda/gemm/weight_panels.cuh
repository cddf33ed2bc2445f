#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/codes/int4_words.cuh>
#include <dfrot/backend/cuda/device/grid.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4_elements.hpp>

namespace dfrot::cuda {

/// Sixteen bytes, read and written in one access.
struct alignas(16) four_words {
  unsigned word[4];
};

/// The layout of repacked weights: panels of 8 channels, each a run of blocks of 128 codes. A block has 512 bytes: 16
/// for each lane of a warp, which reads it at once. Lane 4 r + t has of channel r the four words of codes 32 s + 8 t …
/// 32 s + 8 t + 7, s = 0 … 3: word s is the lane's operand of step s (32 codes) of an 8-column product on tensor cores.
/// Channels and codes beyond n and k are zero.
struct weight_panels {
  static constexpr unsigned channels = 8;
  static constexpr unsigned codes = 128;  ///< in a block's rows
  static constexpr unsigned lanes = 32;

  std::size_t blocks = 0;  ///< of a panel: ceil(k / 128)

  DFROT_HOST_DEVICE constexpr explicit weight_panels(std::size_t k) : blocks(ceil_div(k, codes)) {}

  /// Panels of n channels.
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr std::size_t panels(std::size_t n) { return ceil_div(n, channels); }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t bytes(std::size_t n) const {
    return panels(n) * blocks * lanes * sizeof(four_words);
  }
  /// Where a block starts, counted in lanes' pieces of 16 bytes.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t block(std::size_t panel, std::size_t number) const {
    return (panel * blocks + number) * lanes;
  }
  /// Where the word with code 8 index of a channel is, counted in words.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t word(std::size_t channel, std::size_t index) const {
    std::size_t const lane = channel % channels * 4 + index % 4;
    return (block(channel / channels, index / 16) + lane) * 4 + index % 16 / 4;
  }
};

/// A thread a word of the layout.
template <class Word>
__global__ void write_weight_panels(matrix_view<std::uint8_t const, device_space> packed, std::size_t k, bool in_words,
                                    Word* to) {
  weight_panels const layout(k);
  std::size_t const words = layout.blocks * 16;  // of a channel
  std::size_t const i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  std::size_t const channel = i / words;
  std::size_t const index = i % words;
  if (channel < weight_panels::panels(packed.rows) * weight_panels::channels) {
    to[layout.word(channel, index)] =
        channel < packed.rows ? read_word(packed.row(channel), index, k, in_words) : Word{0};
  }
}

/// Hook of repacked_weights_size(): n and k are rounded up to multiples of 8 and 128.
[[nodiscard]] DFROT_PER_ISA inline std::size_t repacked_weight_bytes(policy const& /*on*/, std::size_t n,
                                                                     std::size_t k) {
  return weight_panels(k).bytes(n);
}

namespace detail {

/// Checks that lanes can read 16 bytes at once.
DFROT_PER_ISA inline void check_panels(std::uint8_t const* bytes) {
  expects(reinterpret_cast<std::uintptr_t>(bytes) % alignof(four_words) == 0,
          "repacked weights start at an address that is not a multiple of ", alignof(four_words),
          ", as the kernels for CUDA devices need it");
}

}  // namespace detail

/// Hook of repack_weights() for INT4, in the layout of weight_panels. @pre bytes starts at a multiple of 16, as all allocations
/// do
/// Throws: std::invalid_argument on another address; std::runtime_error as check_status().
DFROT_PER_ISA inline void repack_weight_rows(policy const& on, s4 /*element*/,
                                             matrix_view<std::uint8_t const, device_space> packed, std::size_t k,
                                             std::uint8_t* bytes) {
  constexpr unsigned threads = 256;
  weight_panels const layout(k);
  std::size_t const words = layout.bytes(packed.rows) / sizeof(unsigned);
  if (words != 0) {
    detail::check_panels(bytes);
    launch(on, {"write_weight_panels", blocks_for(words, threads), threads}, write_weight_panels<unsigned>, packed, k,
           rows_in_words(packed.data, packed.row_stride), reinterpret_cast<unsigned*>(bytes));
  }
}

}  // namespace dfrot::cuda
