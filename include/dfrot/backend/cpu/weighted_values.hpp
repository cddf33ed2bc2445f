#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <dfrot/attention/kv_panels.hpp>
#include <dfrot/attention/kv_ring.hpp>
#include <dfrot/backend/cpu/codes/code_registers.hpp>
#include <dfrot/backend/cpu/codes/find_grid.hpp>
#include <dfrot/backend/cpu/gemm/kv_tile.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The largest lane.
template <class Arch>
[[nodiscard]] float largest_of(float_lanes<Arch> a) noexcept {
  constexpr std::size_t width = float_lanes<Arch>::width;
  float lane[width];
  a.store(lane);
  for (std::size_t half_width = width / 2; half_width > 0; half_width /= 2) {
    for (std::size_t i = 0; i < half_width; ++i) {
      lane[i] = std::max(lane[i], lane[i + half_width]);
    }
  }
  return lane[0];
}

/// Weights of a block times scales of a group, as integers n: a = unit n, |n| <= 16256 = 127 128.
///   n = 128 high + low,   high in -127 ... 127, low in -64 ... 63
struct split_weights {
  float unit = 0;
  std::int32_t zeros = 0;  ///< sum of n times the zero point of each slot
  alignas(64) std::int8_t high[kv_block];
  alignas(64) std::int8_t low[kv_block];

  template <class Arch>
  void split(float const* weights, float const* scales, std::int8_t const* zero_points, int bias) noexcept {
    using lanes = float_lanes<Arch>;
    alignas(64) float scaled[kv_block];
    lanes least = lanes::zero();
    lanes most = lanes::zero();
    for (std::size_t t = 0; t < kv_block; t += lanes::width) {
      lanes const a = lanes::load(weights + t) * lanes::load(scales + t);
      least = min(least, a);
      most = max(most, a);
      a.store(scaled + t);
    }
    unit = std::max(largest_of(max(most, lanes::zero() - least)) / 16256, std::numeric_limits<float>::min());
    lanes const inverse = lanes::broadcast(1 / unit);
    lanes const magic = lanes::broadcast(rounding_magic);
    for (std::size_t t = 0; t < kv_block; t += lanes::width) {
      fma(lanes::load(scaled + t), inverse, magic).store(scaled + t);
    }
    split_integers(scaled, zero_points, bias);
  }

 private:
  /// @param placed rounding_magic + n
  void split_integers(float const* placed, std::int8_t const* zero_points, int bias) noexcept {
    std::int32_t sum = 0;
    for (std::size_t t = 0; t < kv_block; ++t) {
      std::int32_t const n = std::bit_cast<std::int32_t>(placed[t]) - rounding_magic_bits;
      std::int32_t const up = (n + 64) >> 7;
      high[t] = static_cast<std::int8_t>(up);
      low[t] = static_cast<std::int8_t>(n - 128 * up);
      sum += n * (zero_points == nullptr ? 1 : zero_points[t]);
    }
    zeros = zero_points == nullptr ? bias * sum : sum;
  }
};

/// Both bytes of the weights of a few rows in a block: tiles of at most kv_tile_rows rows of bytes.
template <class Arch>
struct weight_tile {
  /// Rows of weights, and their rows of bytes, at once.
  static constexpr std::size_t most = std::max<std::size_t>(1, kv_tile_rows<Arch> / 2);
  static constexpr std::size_t tile_rows(std::size_t rows) { return std::min(2 * rows, kv_tile_rows<Arch>); }

  std::size_t rows = 0;
  alignas(64) float weights[most][kv_block];
  alignas(64) std::int8_t quads[2 * most * kv_block];
  float units[most];
  std::int32_t zeros[most];

  /// Takes the weights of the slots from first on; others are 0.
  void gather(kv_ring const& ring, std::size_t first, matrix_view<float const> from) noexcept {
    for (std::size_t r = 0; r < rows; ++r) {
      std::fill_n(weights[r], kv_block, 0.0F);
    }
    ring.for_each_run(first, kv_block, [&](std::size_t slot, std::size_t token, std::size_t count) {
      for (std::size_t r = 0; r < rows; ++r) {
        std::copy_n(from.row(r) + token, count, weights[r] + (slot - first));
      }
    });
  }

  /// Makes the bytes for one group.
  void split(kv_codes const& values, std::size_t at) noexcept {
    std::size_t const in_tile = tile_rows(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      split_weights both;
      both.template split<Arch>(weights[r], values.scales + at,
                                values.zero_points == nullptr ? nullptr : values.zero_points + at, values.bias);
      units[r] = both.unit;
      zeros[r] = both.zeros;
      if (in_tile > 1) {
        put_tile_rows(both.high, both.low, kv_block / 4, in_tile, 2 * r, quads);
      } else {
        std::copy_n(both.high, kv_block, quads);
        std::copy_n(both.low, kv_block, quads + kv_block);
      }
    }
  }
};

/// to[c] += unit (128 high[c] + low[c] - zeros)
template <std::size_t Width>
void add_split(std::int32_t const* high, std::int32_t const* low, std::int32_t zeros, float unit, std::size_t count,
               float* to) noexcept {
  auto const add = [=](std::size_t c) { to[c] += unit * static_cast<float>(128 * high[c] + low[c] - zeros); };
  if (count >= Width) {  // a loop of constant length
    for (std::size_t c = 0; c < Width; ++c) {
      add(c);
    }
  } else {
    for (std::size_t c = 0; c < count; ++c) {
      add(c);
    }
  }
}

/// Adds the sums of one block and one group to the output.
template <class Arch, int Bits>
void add_group(kv_codes const& values, std::uint8_t const* block, std::size_t begin, std::size_t end,
               weight_tile<Arch> const& tile, matrix_view<float> out) noexcept {
  constexpr std::size_t columns = gemm_tile<Arch>::columns;
  constexpr std::size_t width = columns * 4 / Bits;
  std::size_t const in_tile = tile.tile_rows(tile.rows);
  for (std::size_t first = begin; first < end; first += width) {
    alignas(64) std::int32_t sums[2 * weight_tile<Arch>::most * columns];
    for (std::size_t row = 0; row < 2 * tile.rows; row += in_tile) {
      kv_dot<Arch, Bits>(in_tile, block + first / width * values.panels.panel_bytes(), tile.quads + row * kv_block,
                         kv_block / 4, sums + row * columns);
    }
    for (std::size_t r = 0; r < tile.rows; ++r) {
      std::int32_t const* const high = sums + 2 * r * columns;
      add_split<width>(high, high + columns, tile.zeros[r], tile.units[r], end - first, out.row(r) + first);
    }
  }
}

/// Weighted sums of a few rows of weights.
template <class Arch, int Bits>
void weigh_tile(kv_codes const& values, kv_ring const& ring, matrix_view<float const> weights,
                matrix_view<float> out) noexcept {
  weight_tile<Arch> tile;
  tile.rows = weights.rows;
  for (std::size_t r = 0; r < out.rows; ++r) {
    std::fill_n(out.row(r), out.columns, 0.0F);
  }
  for (std::size_t first = 0; first < ring.size; first += kv_block) {
    std::uint8_t const* const block = values.codes + first / kv_block * values.panels.bytes();
    tile.gather(ring, first, weights);
    for (std::size_t g = 0; g * values.group < out.columns; ++g) {
      tile.split(values, g * values.slot_count + first);
      add_group<Arch, Bits>(values, block, g * values.group, (g + 1) * values.group, tile, out);
    }
  }
}

}  // namespace detail

/// Hook of weighted_values(). Returns the first row of weights that is not finite, or all_finite; its output is not written.
template <class Arch>
std::size_t weigh_values(basic_policy<Arch> const& /*on*/, kv_codes const& values, kv_ring const& ring,
                         matrix_view<float const> weights, matrix_view<float> out) noexcept {
  for (std::size_t i = 0; i < weights.rows; ++i) {
    if (!finite_row<Arch>(weights.row(i), weights.columns)) [[unlikely]] {
      return i;
    }
  }
  for (std::size_t i = 0, rows = 0; i < weights.rows; i += rows) {
    rows = std::min(detail::kv_rows_at_once<Arch>(weights.rows - i), detail::weight_tile<Arch>::most);
    values.panels.bits == 8
        ? detail::weigh_tile<Arch, 8>(values, ring, weights.row_block(i, rows), out.row_block(i, rows))
        : detail::weigh_tile<Arch, 4>(values, ring, weights.row_block(i, rows), out.row_block(i, rows));
  }
  return all_finite;
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
