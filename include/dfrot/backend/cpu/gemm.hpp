#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm/gemm_unpack.hpp>
#include <dfrot/backend/cpu/gemm/gemm_write.hpp>
#include <dfrot/backend/cpu/gemm_repack.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

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

/// One panel of weights times all tiles of a chunk, some groups at a time.
template <class Arch, tile_writer Writer>
void multiply_panel(gemm_plan<Arch> const& plan, index_range chunk, std::byte* tiles, std::uint8_t const* panel,
                    index_range columns, Writer& write) noexcept {
  gemm_groups const& groups = plan.groups;
  alignas(64) std::int32_t sums[gemm_tile<Arch>::rows * gemm_tile<Arch>::columns];
  for (std::size_t first = 0; first < groups.count(); first += scaled_groups) {
    index_range const run{first, std::min(scaled_groups, groups.count() - first)};
    write.begin_groups(columns, run);
    for (std::size_t t = 0; t < chunk.count; ++t) {
      index_range const rows = plan.tile(chunk.first + t);
      gemm_tile_view const tile(tiles + t * plan.tile_bytes(), groups, rows.count);
      write.begin_tile(rows);
      for (std::size_t g = first; g < first + run.count; ++g) {
        index_range const quads = groups.quads(g);
        dot_rows<Arch>(std::make_index_sequence<gemm_tile<Arch>::rows>{}, rows.count,
                       panel + 2 * gemm_tile<Arch>::columns * quads.first,
                       tile.quads + 4 * rows.count * groups.tile_quad(g), quads.count, tile.starts + g * rows.count,
                       sums);
        write.take(g, sums);
      }
      write.end_tile();
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
template <class Arch, tile_writer Writer>
void multiply(basic_policy<Arch> const& on, gemm_plan<Arch> const& plan, packed_activations<> const& x, bool is_signed,
              repacked_weights<basic_policy<Arch>> const& weights, std::byte* workspace, Writer const& write) noexcept {
  constexpr std::size_t width = gemm_tile<Arch>::columns;
  auto* const tiles = workspace + (64 - reinterpret_cast<std::uintptr_t>(workspace) % 64) % 64;
  std::size_t const panels = ceil_div(weights.rows, width);
  std::size_t const step = panels_at_a_time(plan);
  for (std::size_t c = 0; c < plan.chunks(); ++c) {
    index_range const chunk = plan.chunk(c);
    parallel_for(on.threads, chunk.count, [&](std::size_t t) {
      index_range const rows = plan.tile(chunk.first + t);
      unpack_tile(x, is_signed, plan.groups, rows.first,
                  gemm_tile_view(tiles + t * plan.tile_bytes(), plan.groups, rows.count));
    });
    parallel_for(on.threads, ceil_div(panels, step), [&](std::size_t task) {
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
  detail::multiply(on, plan, {activations, {}, {}}, true, weights, workspace, detail::write_sums<Arch>(out));
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
