#pragma once

#include <cstddef>

#include <dfrot/backend/cuda/device/grid.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/gemm/gemm_operands.cuh>

namespace dfrot::cuda {

/// The exact sum of group g for one token and one channel, code by code.
[[nodiscard]] __device__ inline int group_sum(gemm_operands const& of, std::size_t token, std::size_t channel,
                                              std::size_t g) {
  weight_panels const layout(of.k);
  auto const* const words = reinterpret_cast<unsigned const*>(of.weights);
  std::uint8_t const* const row = of.codes.row(token);
  bool const is_signed = of.zero_points.data == nullptr;
  int const zero = is_signed ? 0 : of.zero_points(token, g);
  std::size_t const end = of.k - g * of.group < of.group ? of.k : (g + 1) * of.group;
  int sum = 0;
  for (std::size_t l = g * of.group; l < end; ++l) {
    unsigned const position = static_cast<unsigned>(l % 2);
    int const code = is_signed ? unpack_int4(row[l / 2], position) : unpack_uint4(row[l / 2], position);
    unsigned const nibble = words[layout.word(channel, l / codes_of_word)] >> (l % codes_of_word * 4);
    sum += (code - zero) * unpack_int4(static_cast<std::uint8_t>(nibble & 15u), 0);
  }
  return sum;
}

/// A thread a result, for groups that no fast kernel has: those that are not a multiple of 32 codes.
template <class Results>
__global__ void gemm_plain(gemm_operands of, Results to) {
  std::size_t const i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  std::size_t const token = i / of.channels;
  std::size_t const channel = i % of.channels;
  if (token < of.tokens()) {
    typename Results::value_type value = 0;
    for (std::size_t g = 0; g < of.groups(); ++g) {
      int const sum = group_sum(of, token, channel, g);
      value = Results::add(value, g == 0, sum, to.token_scale(token, g), to.channel_scale(channel, g));
    }
    to.out(token, channel) = value;
  }
}

template <class Results>
void launch_gemm_plain(policy const& on, gemm_operands const& of, Results const& to) {
  constexpr unsigned threads = 256;
  launch(on, {"gemm_plain", blocks_for(of.tokens() * of.channels, threads), threads}, gemm_plain<Results>, of, to);
}

}  // namespace dfrot::cuda
