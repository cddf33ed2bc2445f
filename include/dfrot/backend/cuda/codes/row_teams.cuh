#pragma once

#include <bit>
#include <cstddef>

#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_plan.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>

namespace dfrot::cuda {

/// How the rows of a matrix are dealt out to threads, and the groups of columns of a row to its threads: a row has
/// row_threads of a block, and a team of team_threads of these takes every so manieth group. Both are powers of two.
struct row_teams {
  std::size_t rows = 0;
  unsigned columns = 0;
  unsigned group = 0;         ///< columns of a group; the last one may have fewer
  unsigned groups = 0;        ///< of a row
  unsigned row_threads = 1;   ///< 1 … 1024
  unsigned team_threads = 1;  ///< 1 … row_threads

  [[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned teams_of_row() const { return row_threads / team_threads; }
  /// Groups that each team takes, the last of them perhaps in vain.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned rounds() const {
    return (groups + teams_of_row() - 1) / teams_of_row();
  }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr unsigned rows_of_block() const {
    return row_threads < usual_threads ? usual_threads / row_threads : 1;
  }
};

/// Threads that share `count` values, about 16 each: a power of two, 1 … 1024.
[[nodiscard]] DFROT_PER_ISA inline unsigned threads_for(std::size_t count) {
  return count >= 16384 ? 1024u : std::bit_ceil(static_cast<unsigned>(count + 15) / 16u | (count == 0 ? 1u : 0u));
}

/// Teams for rows of `columns` values in groups of `group`.   Throws: std::invalid_argument from 2^31 columns on.
[[nodiscard]] DFROT_PER_ISA inline row_teams make_row_teams(std::size_t rows, std::size_t columns, std::size_t group,
                                                            unsigned row_threads) {
  expects(columns < std::size_t{1} << 31u, "rows of ", columns, " values: a device takes fewer than 2^31");
  row_teams teams;
  teams.rows = rows;
  teams.columns = static_cast<unsigned>(columns);
  teams.group = static_cast<unsigned>(group);
  teams.groups = group == 0 ? 0u : static_cast<unsigned>((columns + group - 1) / group);
  teams.row_threads = row_threads;
  teams.team_threads = threads_for(group) < row_threads ? threads_for(group) : row_threads;
  return teams;
}

/// What a kernel on these teams is launched with.
[[nodiscard]] DFROT_PER_ISA inline launch_shape shape_of(char const* kernel, row_teams const& teams,
                                                         std::size_t shared_bytes, char const* file = __builtin_FILE(),
                                                         int line = __builtin_LINE()) {
  unsigned const rows = teams.rows_of_block();
  dim3 const blocks(static_cast<unsigned>((teams.rows + rows - 1) / rows));
  return {kernel, blocks, rows * teams.row_threads, shared_bytes, file, line};
}

/// The row of a thread, and which of the row's threads it is. Threads beyond the last row have none.
struct row_place {
  std::size_t row;
  unsigned slot;    ///< which row of the block
  unsigned thread;  ///< 0 … row_threads - 1
  bool works;
};

[[nodiscard]] __device__ inline row_place place_of_thread(row_teams const& teams) {
  unsigned const slot = threadIdx.x / teams.row_threads;
  std::size_t const row = std::size_t{blockIdx.x} * teams.rows_of_block() + slot;
  return {row, slot, threadIdx.x % teams.row_threads, row < teams.rows};
}

/// The columns of one group, and the threads that share them. None for a team that has no group in this round.
struct group_span {
  unsigned index = 0;
  unsigned first = 0;
  unsigned count = 0;
  unsigned lane = 0;     ///< of this thread in its team
  unsigned threads = 1;  ///< of the team
};

[[nodiscard]] __device__ inline group_span span_of_round(row_teams const& teams, row_place const& place,
                                                         unsigned round) {
  group_span span;
  span.threads = teams.team_threads;
  span.lane = place.thread % teams.team_threads;
  span.index = round * teams.teams_of_row() + place.thread / teams.team_threads;
  if (place.works && span.index < teams.groups) {
    span.first = span.index * teams.group;
    unsigned const left = teams.columns - span.first;
    span.count = left < teams.group ? left : teams.group;
  }
  return span;
}

/// Calls body(column, count) for the quads of a group that a thread has: four neighbours, or the 1 … 3 that are left.
template <class Body>
__device__ inline void for_each_quad(group_span const& span, Body const& body) {
  for (unsigned i = 4 * span.lane; i < span.count; i += 4 * span.threads) {
    body(span.first + i, span.count - i < 4 ? span.count - i : 4u);
  }
}

/// Values that team_reduce() needs in shared memory: one a warp.
inline constexpr unsigned reduction_values = 32;

/// Joins the values of a team's threads, in an order that the number of threads fixes: neighbours first, then warp by
/// warp.
/// @param scratch reduction_values in shared memory   @param join commutative
/// @pre every thread of the block calls it, with equal `threads`; the block has whole warps
template <class Value, class Join>
[[nodiscard]] __device__ inline Value team_reduce(unsigned threads, Value value, double* scratch, Join const& join) {
  for (unsigned distance = 1; distance < threads && distance < 32; distance *= 2) {
    value = join(value, __shfl_xor_sync(0xffffffffu, value, static_cast<int>(distance)));
  }
  if (threads > 32) {
    Value* const of_warp = reinterpret_cast<Value*>(scratch);
    __syncthreads();  // the values of the reduction before were read
    if (threadIdx.x % 32 == 0) {
      of_warp[threadIdx.x / 32] = value;
    }
    __syncthreads();
    unsigned const first = threadIdx.x / threads * (threads / 32);
    value = of_warp[first];
    for (unsigned warp = 1; warp < threads / 32; ++warp) {
      value = join(value, of_warp[first + warp]);
    }
  }
  return value;
}

}  // namespace dfrot::cuda
