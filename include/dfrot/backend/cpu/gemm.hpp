#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <dfrot/backend/cpu/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm_repack.hpp>
#include <dfrot/backend/cpu/gemm_unpack.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// gemm_tile<Arch>::dot for a number of rows that is known at run time only.
template <class Arch, std::size_t... R>
void dot_rows(std::index_sequence<R...> /*rows*/, std::size_t rows, std::uint8_t const* weights,
              std::int8_t const* activations, std::size_t quads, std::int32_t const* start,
              std::int32_t* sums) noexcept {
  static_cast<void>(
      ((rows == R + 1 && (gemm_tile<Arch>::template dot<R + 1>(weights, activations, quads, start, sums), true)) ||
       ...));
}

/// Where the sums of one tile and one panel go: tokens, output channels, and the group that was summed.
struct gemm_place {
  index_range rows;
  index_range columns;
  std::size_t group = 0;
};

/// What integer_gemm() does with sums.
template <class Arch>
struct write_sums {
  matrix_view<std::int32_t> out;

  void begin_groups(index_range /*columns*/, index_range /*groups*/) noexcept {}
  void take(gemm_place const& place, std::int32_t const* sums) const noexcept {
    for (std::size_t r = 0; r < place.rows.count; ++r) {
      std::copy_n(sums + r * gemm_tile<Arch>::columns, place.columns.count,
                  out.row(place.rows.first + r) + place.columns.first);
    }
  }
};

/// What gemm() does with sums: scales the first group's, adds each further one's.
template <class Arch>
class write_scaled {
 public:
  write_scaled(matrix_view<float const> activation_scales, matrix_view<float const> weight_scales,
               matrix_view<float> output) noexcept
      : x_scales(activation_scales), w_scales(weight_scales), out(output) {}

  /// Copies the weights' scales of one panel and at most 16 groups, group by group: their rows are channels.
  void begin_groups(index_range channels, index_range groups) noexcept {
    first_group = groups.first;
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t g = 0; g < groups.count; ++g) {
        panel_scales[g][c] = c < channels.count ? w_scales(channels.first + c, groups.first + g) : 0.0F;
      }
    }
  }

  void take(gemm_place const& place, std::int32_t const* sums) const noexcept {
    float const* const scales = panel_scales[place.group - first_group];
    for (std::size_t r = 0; r < place.rows.count; ++r) {
      float const x_scale = x_scales(place.rows.first + r, place.group);
      float* const to = out.row(place.rows.first + r) + place.columns.first;
      if (place.columns.count == columns) {
        scale_row(place.group == 0, sums + r * columns, x_scale, scales, to);
      } else {
        float result[columns] = {};
        std::copy_n(to, place.columns.count, result);
        scale_row(place.group == 0, sums + r * columns, x_scale, scales, result);
        std::copy_n(result, place.columns.count, to);
      }
    }
  }

 private:
  static constexpr std::size_t columns = gemm_tile<Arch>::columns;

  matrix_view<float const> x_scales;
  matrix_view<float const> w_scales;
  matrix_view<float> out;
  std::size_t first_group = 0;
  alignas(64) float panel_scales[16][columns] = {};

  static void scale_row(bool is_first, std::int32_t const* __restrict sums, float x_scale,
                        float const* __restrict scales, float* __restrict result) noexcept {
    if (is_first) {
      for (std::size_t c = 0; c < columns; ++c) {
        result[c] = static_cast<float>(sums[c]) * (x_scale * scales[c]);
      }
    } else {
      for (std::size_t c = 0; c < columns; ++c) {
        result[c] = std::fma(static_cast<float>(sums[c]), x_scale * scales[c], result[c]);
      }
    }
  }
};

/// One panel of weights times all tiles of a chunk, at most 16 groups at a time.
template <class Arch, class Writer>
void multiply_panel(gemm_plan<Arch> const& plan, index_range chunk, std::byte* tiles, std::uint8_t const* panel,
                    index_range columns, Writer& write) noexcept {
  gemm_groups const& groups = plan.groups;
  alignas(64) std::int32_t sums[gemm_tile<Arch>::rows * gemm_tile<Arch>::columns];
  for (std::size_t first = 0; first < groups.count(); first += 16) {
    index_range const run{first, std::min<std::size_t>(16, groups.count() - first)};
    write.begin_groups(columns, run);
    for (std::size_t t = 0; t < chunk.count; ++t) {
      index_range const rows = plan.tile(chunk.first + t);
      gemm_tile_view const tile(tiles + t * plan.tile_bytes(), groups, rows.count);
      for (std::size_t g = first; g < first + run.count; ++g) {
        index_range const quads = groups.quads(g);
        dot_rows<Arch>(std::make_index_sequence<gemm_tile<Arch>::rows>{}, rows.count,
                       panel + 2 * gemm_tile<Arch>::columns * quads.first,
                       tile.quads + 4 * rows.count * groups.tile_quad(g), quads.count, tile.starts + g * rows.count,
                       sums);
        write.take({rows, columns, g}, sums);
      }
    }
  }
}

/// Panels of weights that one thread takes at a time: enough work to be worth a visit to the queue.
template <class Arch>
[[nodiscard]] std::size_t panels_at_a_time(gemm_plan<Arch> const& plan) {
  std::size_t const work = plan.tile_bytes() * plan.tiles_in_chunk();
  return std::max<std::size_t>(1, (std::size_t{1} << 18U) / std::max<std::size_t>(1, work));
}

/// X W^T for n channels, chunk by chunk of tokens: unpacks the chunk, then multiplies it with all panels. `write` is
/// copied for each task.
template <class Arch, class Writer>
void multiply(basic_policy<Arch> const& on, gemm_plan<Arch> const& plan, packed_activations<> const& x, bool is_signed,
              repacked_weights<basic_policy<Arch>> const& weights, std::byte* workspace, Writer const& write) noexcept {
  constexpr std::size_t width = gemm_tile<Arch>::columns;
  auto* const tiles = workspace + (64 - reinterpret_cast<std::uintptr_t>(workspace) % 64) % 64;
  std::size_t const panels = divide_up(weights.rows, width);
  std::size_t const step = panels_at_a_time(plan);
  for (std::size_t c = 0; c < plan.chunks(); ++c) {
    index_range const chunk = plan.chunk(c);
    parallel_for(on.threads, chunk.count, [&](std::size_t t) {
      index_range const rows = plan.tile(chunk.first + t);
      unpack_tile(x, is_signed, plan.groups, rows.first,
                  gemm_tile_view(tiles + t * plan.tile_bytes(), plan.groups, rows.count));
    });
    parallel_for(on.threads, divide_up(panels, step), [&](std::size_t task) {
      Writer own = write;
      for (std::size_t p = task * step; p < std::min(panels, (task + 1) * step); ++p) {
        index_range const columns{p * width, std::min(width, weights.rows - p * width)};
        multiply_panel(plan, chunk, tiles, weights.bytes.data + p * panel_bytes<Arch>(weights.columns), columns, own);
      }
    });
  }
}

}  // namespace detail

/// Hook of gemm_workspace_size(): one chunk of unpacked tiles, and room to align it.
template <class Arch>
[[nodiscard]] std::size_t gemm_workspace_bytes(basic_policy<Arch> const& /*on*/, std::size_t m, std::size_t k,
                                               std::size_t group) noexcept {
  detail::gemm_plan<Arch> const plan{m, {k, std::max<std::size_t>(1, group)}};
  return m == 0 ? 0 : plan.tiles_in_chunk() * plan.tile_bytes() + 63;
}

/// Hook of integer_gemm(): one group, the whole row.
template <class Arch>
void integer_gemm_rows(basic_policy<Arch> const& on, matrix_view<std::uint8_t const> activations,
                       repacked_weights<basic_policy<Arch>> const& weights, matrix_view<std::int32_t> out,
                       std::byte* workspace) noexcept {
  detail::gemm_plan<Arch> const plan{out.rows, {weights.columns, std::max<std::size_t>(1, weights.columns)}};
  if (weights.columns == 0) {
    for (std::size_t i = 0; i < out.rows; ++i) {
      std::fill_n(out.row(i), out.columns, 0);
    }
    return;
  }
  detail::multiply(on, plan, {activations, {}, {}}, true, weights, workspace, detail::write_sums<Arch>{out});
}

/// Hook of gemm().
template <class Arch>
void gemm_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, packed_activations<> const& x,
               scaled_weights<basic_policy<Arch>> const& weights, matrix_view<float> out,
               std::byte* workspace) noexcept {
  std::size_t const k = weights.codes.columns;
  detail::gemm_plan<Arch> const plan{out.rows, {k, std::max<std::size_t>(1, group_size(scheme, k))}};
  if (k == 0) {
    for (std::size_t i = 0; i < out.rows; ++i) {
      std::fill_n(out.row(i), out.columns, 0.0F);
    }
    return;
  }
  detail::multiply(on, plan, x, scheme.symmetric, weights.codes, workspace,
                   detail::write_scaled<Arch>(x.scales, weights.scales, out));
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
