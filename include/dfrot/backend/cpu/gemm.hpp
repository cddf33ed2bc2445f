#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <dfrot/backend/cpu/gemm/dot_rows.hpp>
#include <dfrot/backend/cpu/gemm/gemm_plan.hpp>
#include <dfrot/backend/cpu/gemm/gemm_unpack.hpp>
#include <dfrot/backend/cpu/gemm/gemm_write.hpp>
#include <dfrot/backend/cpu/gemm/tile_codes.hpp>
#include <dfrot/backend/cpu/gemm_repack.hpp>
#include <dfrot/backend/cpu/isa/tuning.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/product_format.hpp>
#include <dfrot/quantize/product_groups.hpp>
#include <dfrot/quantize/product_operands.hpp>
#include <dfrot/quantize/product_output.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {
namespace detail {

/// One run of a panel's groups times one tile.
template <class Arch, class Codes, tile_writer Writer>
void multiply_tile(gemm_groups const& groups, index_range run, gemm_tile_view const& tile, std::uint8_t const* panel,
                   Writer& write) noexcept {
  alignas(64) std::int32_t sums[gemm_tile<Arch>::rows * gemm_tile<Arch>::columns];
  for (std::size_t g = run.first; g < run.first + run.count; ++g) {
    index_range const quads = groups.quads(g);
    dot_rows<Arch, Codes>(std::make_index_sequence<gemm_tile<Arch>::rows>{}, tile.rows,
                          panel + 2 * gemm_tile<Arch>::columns * quads.first,
                          tile.quads + 4 * tile.rows * groups.tile_quad(g), quads.count, tile.starts + g * tile.rows,
                          sums);
    write.take(g, sums);
  }
}

/// One panel of weights times all tiles of a chunk, some groups at a time; tile by tile if the writer cannot put results aside.
template <class Arch, class Codes, tile_writer Writer>
void multiply_panel(gemm_plan<Arch> const& plan, index_range chunk, std::byte* tiles, std::uint8_t const* panel,
                    index_range columns, Writer& write) noexcept {
  std::size_t const count = plan.groups.count();
  std::size_t const tiles_at_a_time = Writer::tile_by_tile && count > scaled_groups ? 1 : chunk.count;
  for (std::size_t first_tile = 0; first_tile < chunk.count; first_tile += tiles_at_a_time) {
    for (std::size_t first = 0; first < count; first += scaled_groups) {
      index_range const run{first, std::min(scaled_groups, count - first)};
      write.begin_groups(columns, run);
      for (std::size_t t = first_tile; t < first_tile + tiles_at_a_time; ++t) {
        index_range const rows = plan.tile(chunk.first + t);
        write.begin_tile(rows);
        multiply_tile<Arch, Codes>(plan.groups, run, {tiles + t * plan.tile_bytes(), plan.groups, rows.count}, panel,
                                   write);
        write.end_tile();
      }
    }
  }
}

/// Panels of weights that one thread takes at a time: enough work to be worth a visit to the queue.
template <class Arch>
[[nodiscard]] std::size_t panels_at_a_time(gemm_plan<Arch> const& plan) {
  std::size_t const work = plan.tile_bytes() * plan.tiles_in_chunk();
  return std::max<std::size_t>(1, tuning::gemm_task_bytes / std::max<std::size_t>(1, work));
}

/// X W^T for n channels, chunk by chunk of tokens: unpacks the chunk, then multiplies it with all panels. `write` is
/// copied for each task. @param ratio groups that share a zero point
template <class Arch, class X, integer_element W, tile_writer Writer>
void multiply(basic_policy<Arch> const& on, gemm_plan<Arch> const& plan, product_activations<X> const& x,
              std::size_t ratio, repacked_weights<basic_policy<Arch>, W> const& weights, std::byte* workspace,
              Writer const& write) noexcept {
  using codes = tile_codes_for<W, X>;
  constexpr int subtracted = codes::by_table && gemm_tile<Arch>::signed_tables ? 0 : weight_codes<W>::least;
  constexpr std::size_t width = gemm_tile<Arch>::columns;
  auto* const tiles = workspace + (64 - reinterpret_cast<std::uintptr_t>(workspace) % 64) % 64;
  std::size_t const panels = ceil_div(weights.rows, width);
  std::size_t const step = panels_at_a_time(plan);
  for (std::size_t c = 0; c < plan.chunks(); ++c) {
    index_range const chunk = plan.chunk(c);
    parallel_for(on.threads, chunk.count, [&](std::size_t t) {
      index_range const rows = plan.tile(chunk.first + t);
      unpack_tile(x, plan.groups, ratio, subtracted, rows.first,
                  gemm_tile_view(tiles + t * plan.tile_bytes(), plan.groups, rows.count));
    });
    parallel_for(on.threads, ceil_div(panels, step), [&](std::size_t task) {
      Writer own = write;
      for (std::size_t p = task * step; p < std::min(panels, (task + 1) * step); ++p) {
        index_range const columns{p * width, std::min(width, weights.rows - p * width)};
        multiply_panel<Arch, codes>(plan, chunk, tiles, weights.bytes.data + p * panel_bytes<Arch>(weights.columns),
                                    columns, own);
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
template <class Arch, integer_element X, integer_element W>
void integer_gemm_rows(basic_policy<Arch> const& on, X /*element*/, matrix_view<std::uint8_t const> activations,
                       repacked_weights<basic_policy<Arch>, W> const& weights, matrix_view<std::int32_t> out,
                       std::byte* workspace) noexcept {
  using format = dfrot::detail::codes_format<X>;
  detail::gemm_plan<Arch> const plan{out.rows, {weights.columns, std::max<std::size_t>(1, weights.columns)}};
  if (weights.columns == 0) {
    for (std::size_t i = 0; i < out.rows; ++i) {
      std::fill_n(out.row(i), out.columns, 0);
    }
    return;
  }
  product_activations<typename format::type> const x{format::value, activations, {}, {}};
  detail::multiply(on, plan, x, 1, weights, workspace, detail::write_sums<Arch>(out));
}

/// Hook of gemm().
template <class Arch, class X, class W, product_output Out>
void gemm_rows(basic_policy<Arch> const& on, product_groups const& groups, product_activations<X> const& x,
               product_weights<basic_policy<Arch>, W> const& weights, Out const& out, std::byte* workspace) noexcept {
  if (groups.count == 0) {
    for (std::size_t i = 0; i < x.codes.rows; ++i) {
      for (std::size_t j = 0; j < weights.codes.rows; ++j) {
        dfrot::detail::put_result(out, i, j, 0.0F);
      }
    }
    return;
  }
  detail::gemm_plan<Arch> const plan{x.codes.rows, {weights.codes.columns, groups.size}};
  detail::multiply(on, plan, x, groups.activation_ratio, weights.codes, workspace,
                   detail::write_scaled<Arch, X, W, Out>(groups, x, weights.format, weights.scales, out));
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
