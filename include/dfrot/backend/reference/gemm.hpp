#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

namespace dfrot::reference {

/// Hook of repacked_weights_size(). The layout is that of pack(), row after row.
[[nodiscard]] inline std::size_t repacked_weight_bytes(policy const& /*on*/, std::size_t n, std::size_t k) noexcept {
  return n * packed_columns(k);
}

/// Hook of repack_weights().
inline void repack_weight_rows(policy const& /*on*/, matrix_view<std::uint8_t const> packed, std::size_t /*k*/,
                               std::uint8_t* bytes) noexcept {
  for (std::size_t i = 0; i < packed.rows; ++i) {
    std::copy_n(packed.row(i), packed.columns, bytes + i * packed.columns);
  }
}

/// Hook of gemm_workspace_size().
[[nodiscard]] inline std::size_t gemm_workspace_bytes(policy const& /*on*/, std::size_t /*m*/, std::size_t /*k*/,
                                                      std::size_t /*group*/) noexcept {
  return 0;
}

/// sum over l in [first, last) of (x_l - zero) w_l for one packed row each of activations and weights.
[[nodiscard]] inline std::int32_t integer_dot(std::uint8_t const* x, bool is_signed, int zero, std::uint8_t const* w,
                                              std::size_t first, std::size_t last) noexcept {
  std::int32_t sum = 0;
  for (std::size_t l = first; l < last; ++l) {
    unsigned const position = l % 2;
    int const code = is_signed ? unpack_int4(x[l / 2], position) : unpack_uint4(x[l / 2], position);
    sum += (code - zero) * unpack_int4(w[l / 2], position);
  }
  return sum;
}

/// Hook of integer_gemm().
inline void integer_gemm_rows(policy const& /*on*/, matrix_view<std::uint8_t const> activations,
                              repacked_weights<policy> const& weights, matrix_view<std::int32_t> out,
                              std::byte* /*workspace*/) noexcept {
  matrix_view<std::uint8_t const> const w{weights.bytes.data, weights.rows, packed_columns(weights.columns)};
  for (std::size_t i = 0; i < out.rows; ++i) {
    for (std::size_t j = 0; j < out.columns; ++j) {
      out(i, j) = integer_dot(activations.row(i), true, 0, w.row(j), 0, weights.columns);
    }
  }
}

/// Hook of gemm().
inline void gemm_rows(policy const& /*on*/, int4_scheme const& scheme, packed_activations<> const& x,
                      scaled_weights<policy> const& weights, matrix_view<float> out,
                      std::byte* /*workspace*/) noexcept {
  DFROT_EXACT_MATH
  std::size_t const k = weights.codes.columns;
  std::size_t const group = group_size(scheme, k);
  matrix_view<std::uint8_t const> const w{weights.codes.bytes.data, weights.codes.rows, packed_columns(k)};
  for (std::size_t i = 0; i < out.rows; ++i) {
    for (std::size_t j = 0; j < out.columns; ++j) {
      float sum = 0;
      for (std::size_t g = 0; g < group_count(scheme, k); ++g) {
        int const zero = scheme.symmetric ? 0 : x.zero_points(i, g);
        std::int32_t const product =
            integer_dot(x.codes.row(i), scheme.symmetric, zero, w.row(j), g * group, std::min(k, (g + 1) * group));
        float const scale = x.scales(i, g) * weights.scales(j, g);
        sum = g == 0 ? static_cast<float>(product) * scale : std::fma(static_cast<float>(product), scale, sum);
      }
      out(i, j) = sum;
    }
  }
}

}  // namespace dfrot::reference
