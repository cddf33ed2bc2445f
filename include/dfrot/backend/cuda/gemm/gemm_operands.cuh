#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/codes/int4_words.cuh>
#include <dfrot/backend/cuda/gemm/weight_panels.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cuda {

template <class T>
using device_rows = matrix_view<T, device_space>;

/// Both operands of a product, as its kernels read them.
struct gemm_operands {
  device_rows<std::uint8_t const> codes;       ///< of m tokens, packed
  device_rows<std::int8_t const> zero_points;  ///< m x groups, or empty: the codes are signed
  four_words const* weights = nullptr;         ///< in the layout of weight_panels
  std::size_t channels = 0;                    ///< n
  std::size_t k = 0;
  std::size_t group = 0;  ///< codes of a group, at most k
  bool in_words = false;  ///< the tokens' rows start at multiples of 4 bytes

  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t tokens() const { return codes.rows; }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t groups() const { return group == 0 ? 0 : ceil_div(k, group); }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr byte_offset offset(std::size_t token, std::size_t g) const {
    return zero_points.data == nullptr ? signed_codes : unsigned_codes(zero_points(token, g));
  }
  /// Word `index` of a token, as bytes less their zero point. Beyond k, whatever: the weights there are zero.
  /// @pre no group ends within the word
  [[nodiscard]] DFROT_HOST_DEVICE code_bytes activations(std::size_t token, std::size_t index) const {
    std::size_t const first = index * codes_of_word;
    if (first >= k) {
      return {0, 0};
    }
    return activation_bytes(read_word(codes.row(token), index, k, in_words), offset(token, first / group));
  }
};

/// Results that are the exact sums of the only group.
struct integer_results {
  using value_type = std::int32_t;

  device_rows<std::int32_t> out;

  [[nodiscard]] DFROT_HOST_DEVICE float token_scale(std::size_t /*token*/, std::size_t /*g*/) const { return 0; }
  [[nodiscard]] DFROT_HOST_DEVICE float channel_scale(std::size_t /*channel*/, std::size_t /*g*/) const { return 0; }
  [[nodiscard]] DFROT_HOST_DEVICE static std::int32_t add(std::int32_t /*before*/, bool /*first*/, int sum,
                                                          float /*token*/, float /*channel*/) {
    return sum;
  }
};

/// Results that are sums over groups, scaled and rounded as gemm() says.
struct scaled_results {
  using value_type = float;

  device_rows<float> out;
  device_rows<float const> token_scales;
  device_rows<float const> channel_scales;

  [[nodiscard]] DFROT_HOST_DEVICE float token_scale(std::size_t token, std::size_t g) const {
    return token < out.rows ? token_scales(token, g) : 0;
  }
  [[nodiscard]] DFROT_HOST_DEVICE float channel_scale(std::size_t channel, std::size_t g) const {
    return channel < out.columns ? channel_scales(channel, g) : 0;
  }
  /// What the result is after a further group with this exact sum.
  [[nodiscard]] DFROT_HOST_DEVICE static float add(float before, bool first, int sum, float token, float channel) {
    float const scale = token * channel;
    float const value = static_cast<float>(sum);
    return first ? value * scale : fmaf(value, scale, before);
  }
};

}  // namespace dfrot::cuda
