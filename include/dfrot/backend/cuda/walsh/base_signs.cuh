#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cuda {

// The base matrix H_K on the device: a bit a sign, 1 for -1, in words of 16 outputs. Word (i, u) = i * words + u has in
// bit j the sign that input i takes on its way to output 16 u + j; words = ceil(K / 16).

inline constexpr unsigned base_outputs = 16;  ///< that a word has, and that a thread sums

/// Words for one input of a base matrix of order K.
[[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned base_words(unsigned base) {
  return (base + base_outputs - 1) / base_outputs;
}

/// Words that travel with a launch; a kernel's arguments have 4096 bytes, of which 300 are left. Enough for K <= 172.
inline constexpr unsigned argument_words = 1892;

/// A kernel without a base matrix.
struct no_base_signs {};

/// The words of a base matrix, in a kernel's arguments where they fit, otherwise in device memory.
struct base_signs {
  std::uint16_t const* memory = nullptr;
  std::uint16_t argument[argument_words] = {};
};

/// True if the words of this order travel with the launch.
[[nodiscard]] DFROT_PER_ISA inline bool fits_argument(hadamard_order const& order) {
  return order.base() * base_words(static_cast<unsigned>(order.base())) <= argument_words;
}

/// Word `index` of an order's base matrix, or of its transpose. Complexity: O(1).
[[nodiscard]] DFROT_PER_ISA inline std::uint16_t base_word(hadamard_order const& order, bool transpose,
                                                           std::size_t index) {
  std::size_t const words = base_words(static_cast<unsigned>(order.base()));
  std::size_t const input = index / words;
  std::size_t const first = index % words * base_outputs;
  unsigned word = 0;
  for (std::size_t j = 0; j < base_outputs && first + j < order.base(); ++j) {
    int const sign = transpose ? order.base_row(first + j)[input] : order.base_row(input)[first + j];
    word |= sign < 0 ? 1u << j : 0u;
  }
  return static_cast<std::uint16_t>(word);
}

/// Writes the words that came with its arguments to device memory. (A template, as all kernels in headers: they cannot
/// be inline.)
template <class Words>
__global__ void write_base_words(__grid_constant__ Words const from, std::uint16_t* to, unsigned count) {
  for (unsigned i = threadIdx.x; i < count; i += blockDim.x) {
    to[i] = from.argument[i];
  }
}

/// The words of an order, ready for a kernel; those that do not fit its arguments go to device memory, in the arguments
/// of launches of their own, so that nobody waits for a copy from host memory.
/// @param memory room for K base_words(K) words on the device, where fits_argument() is false
/// Complexity: O(K^2) on the host.   Throws: std::runtime_error as check_status().
[[nodiscard]] DFROT_PER_ISA inline base_signs make_base_signs(policy const& on, hadamard_order const& order,
                                                              bool transpose, std::uint16_t* memory) {
  std::size_t const count = order.base() * base_words(static_cast<unsigned>(order.base()));
  base_signs part;
  for (std::size_t first = 0; first < count; first += argument_words) {
    std::size_t const size = count - first < argument_words ? count - first : argument_words;
    for (std::size_t i = 0; i < size; ++i) {
      part.argument[i] = base_word(order, transpose, first + i);
    }
    if (!fits_argument(order)) {
      launch(on, {"write_base_words", 1, 256}, write_base_words<base_signs>, part, memory + first,
             static_cast<unsigned>(size));
    }
  }
  part.memory = fits_argument(order) ? nullptr : memory;
  return part;
}

/// -value where bit j of a word is 1.
[[nodiscard]] DFROT_HOST_DEVICE constexpr float with_sign(float value, unsigned word, unsigned j) {
  std::uint32_t const sign = (word << (31u - j)) & 0x80000000u;
  return dfrot::detail::bit_cast<float>(dfrot::detail::bit_cast<std::uint32_t>(value) ^ sign);
}
[[nodiscard]] DFROT_HOST_DEVICE constexpr double with_sign(double value, unsigned word, unsigned j) {
  std::uint64_t const sign = std::uint64_t{(word >> j) & 1u} << 63u;
  return dfrot::detail::bit_cast<double>(dfrot::detail::bit_cast<std::uint64_t>(value) ^ sign);
}

}  // namespace dfrot::cuda
