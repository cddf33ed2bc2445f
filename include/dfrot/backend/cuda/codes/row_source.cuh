#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cuda/codes/int4_codes.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/backend/cuda/device/device.cuh>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::cuda {

/// True if four neighbours may be read or written in one access, from every fourth column on.
template <class T>
[[nodiscard]] bool quads_are_aligned(T const* values, std::size_t stride) {
  return reinterpret_cast<std::uintptr_t>(values) % alignof(quad<T>) == 0 && stride % 4 == 0;
}

/// True if that holds from every fourth column of each group on.
template <class T>
[[nodiscard]] bool moves_in_quads(row_teams const& teams, T const* values, std::size_t stride) {
  return quads_are_aligned(values, stride) && (teams.groups == 1 || teams.group % 4 == 0);
}

/// What the kernels read: rows in memory, and how they are quantized. Values are kept in shared memory where a row fits
/// there, so that they are read from memory once.
template <class T>
struct group_pass {
  T const* x = nullptr;
  std::size_t stride = 0;
  row_teams teams;
  int4_scheme scheme;
  bool in_quads = false;
  bool keeps = false;

  /// Values of shared memory that a row takes: whole quads.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t kept_values() const {
    return keeps ? (std::size_t{teams.columns} + 3) / 4 * 4 : 0;
  }
  /// Bytes of shared memory for a block: the reductions', and the rows that are kept.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t shared_bytes() const {
    return reduction_values * sizeof(double) + teams.rows_of_block() * kept_values() * sizeof(arithmetic_t<T>);
  }
};

template <storage T>
[[nodiscard]] group_pass<T> make_group_pass(int4_scheme const& scheme, matrix_view<T const, device_space> x) {
  group_pass<T> pass;
  pass.x = x.data;
  pass.stride = x.row_stride;
  pass.teams = make_row_teams(x.rows, x.columns, group_size(scheme, x.columns), threads_for(x.columns));
  pass.scheme = scheme;
  pass.in_quads = moves_in_quads(pass.teams, x.data, x.row_stride);
  pass.keeps = true;
  pass.keeps = pass.shared_bytes() <= largest_shared_memory();
  return pass;
}

/// The values of a row in memory, and where they are kept.
template <class T>
struct row_source {
  using real = arithmetic_t<T>;

  T const* row;
  real* kept;  ///< null: not kept
  bool in_quads;

  /// Four neighbours, or `count` (0 … 4); the others are 0.
  [[nodiscard]] __device__ quad<T> fetch(unsigned column, unsigned count) const {
    return read_quad(row + column, count, in_quads);
  }
  [[nodiscard]] __device__ quad<real> keep(unsigned column, unsigned count, quad<T> const& stored) const {
    quad<real> values{};
    DFROT_DEVICE_UNROLL for (unsigned e = 0; e < 4; ++e) { values.value[e] = load_value(stored.value[e]); }
    if (kept != nullptr) {
      write_quad(kept + column, values, count, in_quads);
    }
    return values;
  }
  [[nodiscard]] __device__ quad<real> again(unsigned column, unsigned count) const {
    return kept == nullptr ? keep(column, count, fetch(column, count))
                           : read_quad<real>(kept + column, count, in_quads);
  }
};

/// The row of a thread's place. Shared memory: the reductions' values, then the rows that are kept.
template <class T>
[[nodiscard]] __device__ inline row_source<T> source_of_row(group_pass<T> const& pass, row_place const& place,
                                                            double* scratch) {
  auto* const kept = reinterpret_cast<arithmetic_t<T>*>(scratch + reduction_values);
  return {pass.x + (place.works ? place.row * pass.stride : 0),
          pass.keeps ? kept + place.slot * pass.kept_values() : nullptr, pass.in_quads};
}

}  // namespace dfrot::cuda
