#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/attention/kv_panels.hpp>
#include <dfrot/attention/kv_ring.hpp>
#include <dfrot/attention/kv_side.hpp>
#include <dfrot/backend/cpu/gemm/kv_tile.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/sinks.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/int8_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Codes of a few queries in a tile, and their sums over groups, which zero points take.
template <class Arch>
struct query_tile {
  static constexpr std::size_t most = kv_tile_rows<Arch>;

  std::size_t rows = 0;
  alignas(64) std::int8_t quads[most * kv_longest_head];
  std::int32_t sums[most][kv_longest_head / 32];
  float scales[most];

  /// Quantizes query r. Returns whether it is finite.
  template <storage T>
  [[nodiscard]] bool take(std::size_t r, T const* query, std::size_t head_dim, std::size_t group) noexcept {
    alignas(64) std::int8_t codes[kv_longest_head];
    quantized_rows<std::int8_t, float> const row{{codes, 1, head_dim}, {scales + r, 1, 1}, {}};
    if (!quantize_row<Arch>(int8_scheme{}, query, head_dim, 0, row, static_cast<T const*>(nullptr))) {
      return false;
    }
    put_tile_row(codes, head_dim / 4, rows, r, quads);
    for (std::size_t g = 0; g * group < head_dim; ++g) {
      std::int32_t sum = 0;
      for (std::size_t j = g * group; j < (g + 1) * group; ++j) {
        sum += codes[j];
      }
      sums[r][g] = sum;
    }
    return true;
  }
};

/// out[c] += scale[c] (sums[c] - zero[c] x)
template <std::size_t Width>
void add_scaled(std::int32_t const* sums, float const* scales, std::int8_t const* zeros, int bias, std::int32_t x,
                float* out) noexcept {
  if (zeros == nullptr) {
    for (std::size_t c = 0; c < Width; ++c) {
      out[c] += scales[c] * static_cast<float>(sums[c] - bias * x);
    }
  } else {
    for (std::size_t c = 0; c < Width; ++c) {
      out[c] += scales[c] * static_cast<float>(sums[c] - zeros[c] * x);
    }
  }
}

/// Scores of a tile of queries with all tokens.
template <class Arch, int Bits>
void score_tile(kv_codes const& keys, kv_ring const& ring, query_tile<Arch> const& queries, float factor,
                matrix_view<float> scores) noexcept {
  constexpr std::size_t columns = gemm_tile<Arch>::columns;
  constexpr std::size_t width = columns * 4 / Bits;
  std::size_t const group_quads = keys.group / 4;
  std::size_t const groups = keys.panels.inputs / keys.group;
  for (std::size_t first = 0; first < ring.size; first += width) {
    alignas(64) std::int32_t sums[kv_tile_rows<Arch> * columns];
    alignas(64) float results[kv_tile_rows<Arch>][width] = {};
    std::uint8_t const* const panel = keys.codes + first / width * keys.panels.panel_bytes();
    for (std::size_t g = 0; g < groups; ++g) {
      kv_dot<Arch, Bits>(queries.rows, panel + g * group_quads * keys.panels.quad_bytes(),
                         queries.quads + 4 * queries.rows * g * group_quads, group_quads, sums);
      std::size_t const at = g * keys.slot_count + first;
      for (std::size_t r = 0; r < queries.rows; ++r) {
        add_scaled<width>(sums + r * columns, keys.scales + at,
                          keys.zero_points == nullptr ? nullptr : keys.zero_points + at, keys.bias, queries.sums[r][g],
                          results[r]);
      }
    }
    ring.for_each_run(first, width, [&](std::size_t slot, std::size_t token, std::size_t count) {
      for (std::size_t r = 0; r < queries.rows; ++r) {
        float const scale = factor * queries.scales[r];
        float const* const from = results[r] + (slot - first);
        std::transform(from, from + count, scores.row(r) + token, [scale](float sum) { return scale * sum; });
      }
    });
  }
}

}  // namespace detail

/// Hook of key_scores(). Returns the first query that is not finite, or all_finite; its scores are not written.
template <class Arch, storage T>
std::size_t score_keys(basic_policy<Arch> const& /*on*/, kv_codes const& keys, kv_ring const& ring,
                       matrix_view<T const> queries, matrix_view<float> scores, float factor) noexcept {
  detail::query_tile<Arch> tile;
  for (std::size_t i = 0; i < queries.rows; i += tile.rows) {
    tile.rows = detail::kv_rows_at_once<Arch>(queries.rows - i);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      if (!tile.take(r, queries.row(i + r), queries.columns, keys.group)) [[unlikely]] {
        return i + r;
      }
    }
    matrix_view<float> const out = scores.row_block(i, tile.rows);
    keys.panels.bits == 8 ? detail::score_tile<Arch, 8>(keys, ring, tile, factor, out)
                          : detail::score_tile<Arch, 4>(keys, ring, tile, factor, out);
  }
  return all_finite;
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
