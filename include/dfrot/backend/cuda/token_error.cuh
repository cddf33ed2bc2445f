#pragma once

#include <cstddef>

#include <dfrot/backend/cuda/codes/group_grid.cuh>
#include <dfrot/backend/cuda/codes/row_source.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::cuda {

/// A thread's part of the sum over the group of x^2.
template <class Source>
[[nodiscard]] __device__ inline double norm_of_thread(Source const& source, group_span const& span) {
  double sum = 0;
  for_each_quad(span, [&](unsigned column, unsigned count) {
    auto const values = source.again(column, count);
    for (unsigned e = 0; e < count; ++e) {
      sum += static_cast<double>(values.value[e]) * static_cast<double>(values.value[e]);
    }
  });
  return sum;
}

/// Measures the errors and norms of rows, and shows the grid of every group to what else wants it.
/// @param pass the same for all threads   @param out of the rows   @param use called by every thread as
/// use(place, source, span, grid), for each group that its team has   @pre every thread of the block calls it
template <class T, class Error, class Use>
__device__ inline void measure_rows(group_pass<T> const& pass, Error* out, Use const& use) {
  double* const scratch = shared_memory<double>();
  row_place const place = place_of_thread(pass.teams);
  auto const source = source_of_row(pass, place, scratch);
  double error = 0;
  double norm = 0;
  for (unsigned round = 0; round < pass.teams.rounds(); ++round) {
    group_span const span = span_of_round(pass.teams, place, round);
    auto const grid = find_grid(pass.scheme, source, span, scratch);
    error += error_of_thread(source, span, grid);
    norm += norm_of_thread(source, span);
    use(place, source, span, grid);
  }
  auto const add = [](double a, double b) { return a + b; };
  error = team_reduce(pass.teams.row_threads, error, scratch, add);
  norm = team_reduce(pass.teams.row_threads, norm, scratch, add);
  if (place.works && place.thread == 0) {
    out[place.row].squared_error = error;
    out[place.row].squared_norm = norm;
  }
}

/// Errors and norms of rows. (Error is token_error; kernels in headers are templates.)
template <class T, class Error>
__global__ void __launch_bounds__(1024) measure_token_errors(__grid_constant__ group_pass<T> const pass, Error* out) {
  measure_rows(pass, out, [](auto const&...) {});
}

/// token_errors() on the device: a token is read once from memory. The error of a token that holds a NaN or an infinity
/// is NaN (see reject_non_finite()). Returns all_finite, since it does not wait.
/// Precision: sums are in double, in a fixed order that is not the reference's: relative error about n 2^-53.
/// Determinism: the same bits in every run.   Throws: std::runtime_error as check_status().
template <storage T>
std::size_t quantize_rows(policy const& on, int4_scheme const& scheme, matrix_view<T const, device_space> x,
                          vector_view<token_error, device_space> out) {
  if (x.rows != 0) {
    auto const pass = make_group_pass<T>(scheme, x);
    launch(on, shape_of("measure_token_errors", pass.teams, pass.shared_bytes()), measure_token_errors<T, token_error>,
           pass, out.data);
  }
  return all_finite;
}

}  // namespace dfrot::cuda
