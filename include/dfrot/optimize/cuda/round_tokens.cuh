#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/launch.cuh>
#include <dfrot/backend/cuda/policy.cuh>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/scheme.hpp>

// Rounding of rotated tokens on the device, with their errors. Internal to optimize/cuda.
namespace dfrot::cuda::detail {

/// What becomes of a token's rounded values: kept, left out (zeros, which add nothing to a product), or, for numbers
/// from 0 on, left out and kept apart in that row of the massive tokens.
inline constexpr std::int32_t keep_token = -1;
inline constexpr std::int32_t leave_token_out = -2;

/// The arguments of round_tokens().
template <class T>
struct rounding {
  int4_scheme scheme;
  std::size_t group;   ///< columns of a group
  std::size_t groups;  ///< of a row
  matrix_view<T const, device_space> y;
  matrix_view<T, device_space> b;
  std::int32_t const* place;  ///< a row: keep_token, leave_token_out, or a row of massive_y and massive_b
  matrix_view<double, device_space> massive_y;  ///< y of the massive tokens
  matrix_view<double, device_space> massive_b;  ///< Q(y) of the massive tokens
  token_error* parts;                           ///< of the groups of the rows; NaN for a group that is not finite
};

/// A part of a row that one warp works on: a group of columns.
template <class T>
struct lane_values {
  T const* x;
  std::size_t count;
};

/// sum over the lanes of a warp, the same for all of them, always added in the same order.
[[nodiscard]] __device__ inline double warp_sum(double value) {
  for (int distance = 16; distance != 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  }
  return value;
}

/// sum of (x - Q(x))^2 over the group, for all lanes.
template <class T>
[[nodiscard]] __device__ double group_error(int4_grid<T> const& grid, lane_values<T> values) {
  double sum = 0;
  for (std::size_t j = threadIdx.x % 32; j < values.count; j += 32) {
    double const gap = static_cast<double>(values.x[j]) - static_cast<double>(grid.decode(grid.encode(values.x[j])));
    sum += gap * gap;
  }
  return warp_sum(sum);
}

/// The grid that a scheme gives to a group of finite values, as every backend chooses it.
template <class T>
[[nodiscard]] __device__ int4_grid<T> choose_grid(int4_scheme const& scheme, lane_values<T> values, T minimum,
                                                  T maximum) {
  T const clip = static_cast<T>(scheme.clip);
  int4_grid<T> best = grid_from_range(scheme, minimum, maximum, clip);
  if (scheme.scale == scale_rule::search) {
    double least = group_error(best, values);
    for (int candidate = 1; candidate < clip_search::candidates; ++candidate) {
      int4_grid<T> const grid = grid_from_range(scheme, minimum, maximum, clip * clip_search::ratio<T>(candidate));
      double const error = group_error(grid, values);
      if (error < least) {
        least = error;
        best = grid;
      }
    }
  }
  return best;
}

/// What a group's grid is chosen from.
template <class T>
struct group_range {
  T minimum;  ///< at most 0
  T maximum;  ///< at least 0
  bool finite;
};

template <class T>
[[nodiscard]] __device__ group_range<T> range_of(lane_values<T> values) {
  group_range<T> range{0, 0, true};
  for (std::size_t j = threadIdx.x % 32; j < values.count; j += 32) {
    T const x = values.x[j];
    range.minimum = x < range.minimum ? x : range.minimum;
    range.maximum = x > range.maximum ? x : range.maximum;
    range.finite = range.finite && x - x == T{0};
  }
  for (int distance = 16; distance != 0; distance /= 2) {
    T const low = __shfl_xor_sync(0xffffffffu, range.minimum, distance);
    T const high = __shfl_xor_sync(0xffffffffu, range.maximum, distance);
    range.minimum = low < range.minimum ? low : range.minimum;
    range.maximum = high > range.maximum ? high : range.maximum;
  }
  range.finite = __all_sync(0xffffffffu, range.finite ? 1 : 0) != 0;
  return range;
}

/// One warp a group of a row: b <- Q(y), and the group's part of the token's error, summed in double.
template <class T>
__global__ void round_tokens(rounding<T> call) {
  std::size_t const number = (std::size_t{blockIdx.x} * blockDim.x + threadIdx.x) / 32;
  if (number >= call.y.rows * call.groups) {
    return;
  }
  std::size_t const row = number / call.groups;
  std::size_t const first = number % call.groups * call.group;
  std::size_t const rest = call.y.columns - first;
  lane_values<T> const values{call.y.row(row) + first, rest < call.group ? rest : call.group};
  group_range<T> const range = range_of(values);
  int4_grid<T> grid;
  if (range.finite) {
    grid = choose_grid(call.scheme, values, range.minimum, range.maximum);
  }
  std::int32_t const place = call.place[row];
  double squared_error = 0;
  double squared_norm = 0;
  for (std::size_t j = threadIdx.x % 32; j < values.count; j += 32) {
    T const y = values.x[j];
    T const b = range.finite ? grid.decode(grid.encode(y)) : y;
    double const gap = static_cast<double>(y) - static_cast<double>(b);
    squared_error += gap * gap;
    squared_norm += static_cast<double>(y) * static_cast<double>(y);
    call.b(row, first + j) = place == keep_token ? b : T{0};
    if (place >= 0) {
      auto const massive_row = static_cast<std::size_t>(place);
      call.massive_y(massive_row, first + j) = static_cast<double>(y);
      call.massive_b(massive_row, first + j) = static_cast<double>(b);
    }
  }
  squared_error = warp_sum(squared_error);
  squared_norm = warp_sum(squared_norm);
  if (threadIdx.x % 32 == 0) {
    // An infinite y less itself is NaN, and so is a NaN: the error of such a token says that it is not finite.
    call.parts[number].squared_error = squared_error;
    call.parts[number].squared_norm = squared_norm;
  }
}

/// One thread a row: the sum of the parts, in their order.
template <class Error>
__global__ void sum_parts(Error const* parts, std::size_t groups, Error* errors, std::size_t rows) {
  std::size_t const row = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (row >= rows) {
    return;
  }
  double squared_error = 0;
  double squared_norm = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    squared_error += parts[row * groups + g].squared_error;
    squared_norm += parts[row * groups + g].squared_norm;
  }
  errors[row].squared_error = squared_error;
  errors[row].squared_norm = squared_norm;
}

/// Launches both: b <- Q(y) and the errors of the rows.
template <class T>
void round_block(policy const& on, rounding<T> const& call, token_error* errors) {
  constexpr unsigned threads = 256;
  std::size_t const lanes = call.y.rows * call.groups * 32;
  launch(on, {"round_tokens", dim3(static_cast<unsigned>((lanes + threads - 1) / threads)), threads}, round_tokens<T>,
         call);
  launch(on, {"sum_parts", dim3(static_cast<unsigned>((call.y.rows + threads - 1) / threads)), threads},
         sum_parts<token_error>, call.parts, call.groups, errors, call.y.rows);
}

}  // namespace dfrot::cuda::detail
