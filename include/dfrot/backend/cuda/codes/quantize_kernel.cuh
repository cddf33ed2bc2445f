#pragma once

#include <dfrot/backend/cuda/codes/group_grid.cuh>
#include <dfrot/backend/cuda/codes/quantized_output.cuh>
#include <dfrot/backend/cuda/codes/row_source.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::cuda {

/// Quantizes a row by its threads: each team finds the grids of its groups and writes their codes.
/// @param scratch as team_reduce()   @pre every thread of the block calls it
template <class Source, class Output>
__device__ inline void quantize_row(row_teams const& teams, int4_scheme const& scheme, row_place const& place,
                                    Source const& source, Output const& out, double* scratch) {
  for (unsigned round = 0; round < teams.rounds(); ++round) {
    group_span const span = span_of_round(teams, place, round);
    auto const grid = find_grid(scheme, source, span, scratch);
    if (span.count != 0 && span.lane == 0) {
      out.write_grid(place.row, span.index, grid);
    }
    for_each_quad(span, [&](unsigned column, unsigned count) {
      out.write_values(place.row, column, count, source.again(column, count), grid);
    });
  }
  if constexpr (requires { out.shares_bytes; }) {
    if (out.shares_bytes) {
      __syncthreads();
      if (place.works) {
        out.write_row(teams, scheme, place, source);
      }
    }
  }
}

/// A block has rows_of_block() rows.
template <class T, class Output>
__global__ void __launch_bounds__(1024)
    quantize_groups(__grid_constant__ group_pass<T> const pass, __grid_constant__ Output const out) {
  double* const scratch = shared_memory<double>();
  row_place const place = place_of_thread(pass.teams);
  quantize_row(pass.teams, pass.scheme, place, source_of_row(pass, place, scratch), out, scratch);
}

}  // namespace dfrot::cuda
