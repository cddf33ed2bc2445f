#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/product_format.hpp>
#include <dfrot/quantize/product_groups.hpp>
#include <dfrot/quantize/product_operands.hpp>
#include <dfrot/quantize/product_output.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

namespace dfrot::reference {

/// Hook of repacked_weights_size(). The layout is that of pack(), row after row.
[[nodiscard]] inline std::size_t repacked_weight_bytes(policy const& /*on*/, std::size_t n, std::size_t k) noexcept {
  return n * packed_columns(k);
}

/// Hook of repack_weights().
template <integer_element Element>
void repack_weight_rows(policy const& /*on*/, Element /*element*/, matrix_view<std::uint8_t const> packed,
                        std::size_t /*k*/, std::uint8_t* bytes) noexcept {
  for (std::size_t i = 0; i < packed.rows; ++i) {
    std::copy_n(packed.row(i), packed.columns, bytes + i * packed.columns);
  }
}

/// Hook of gemm_workspace_size().
[[nodiscard]] inline std::size_t gemm_workspace_bytes(policy const& /*on*/, std::size_t /*m*/, std::size_t /*k*/,
                                                      std::size_t /*group*/) noexcept {
  return 0;
}

/// sum over l in [first, last) of x_l w_l for one packed row each of activations and weights, whose nibbles are decoded.
template <class X, class W>
[[nodiscard]] DFROT_PER_ISA std::int32_t integer_dot(X const& x_integer, std::uint8_t const* x, W const& w_integer,
                                                     std::uint8_t const* w, std::size_t first,
                                                     std::size_t last) noexcept {
  std::int32_t sum = 0;
  for (std::size_t l = first; l < last; ++l) {
    unsigned const position = l % 2;
    sum += x_integer(static_cast<unsigned>(unpack_uint4(x[l / 2], position))) *
           w_integer(static_cast<unsigned>(unpack_uint4(w[l / 2], position)));
  }
  return sum;
}

/// Hook of integer_gemm().
template <integer_element X, integer_element Element>
void integer_gemm_rows(policy const& /*on*/, X /*element*/, matrix_view<std::uint8_t const> activations,
                       repacked_weights<policy, Element> const& weights, matrix_view<std::int32_t> out,
                       std::byte* /*workspace*/) noexcept {
  matrix_view<std::uint8_t const> const w{weights.bytes.data, weights.rows, packed_columns(weights.columns)};
  dfrot::detail::integer_decoder<X> const x_integer;
  dfrot::detail::integer_decoder<Element> const w_integer;
  for (std::size_t i = 0; i < out.rows; ++i) {
    for (std::size_t j = 0; j < out.columns; ++j) {
      out(i, j) = integer_dot(x_integer, activations.row(i), w_integer, w.row(j), 0, weights.columns);
    }
  }
}

/// Hook of gemm().
template <class X, class W, product_output Out>
void gemm_rows(policy const& /*on*/, product_groups const& groups, product_activations<X> const& x,
               product_weights<policy, W> const& weights, Out const& out, std::byte* /*workspace*/) noexcept {
  DFROT_EXACT_MATH
  std::size_t const k = weights.codes.columns;
  matrix_view<std::uint8_t const> const w{weights.codes.bytes.data, weights.codes.rows, packed_columns(k)};
  for (std::size_t i = 0; i < x.codes.rows; ++i) {
    for (std::size_t j = 0; j < w.rows; ++j) {
      float sum = 0;
      for (std::size_t g = 0; g < groups.count; ++g) {
        std::size_t const x_group = g / groups.activation_ratio;
        int const zero = x.zero_points.data == nullptr ? 0 : x.zero_points(i, x_group);
        std::int32_t const product = integer_dot(x.format.decoder(zero), x.codes.row(i), weights.format.decoder(0),
                                                 w.row(j), g * groups.size, std::min(k, (g + 1) * groups.size));
        float const scale =
            x.format.scale(x.scales(i, x_group)) * weights.format.scale(weights.scales(j, g / groups.weight_ratio));
        sum = g == 0 ? static_cast<float>(product) * scale : std::fma(static_cast<float>(product), scale, sum);
      }
      dfrot::detail::put_result(out, i, j, sum);
    }
  }
}

}  // namespace dfrot::reference
