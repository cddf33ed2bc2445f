#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cuda/codes/group_grid.cuh>
#include <dfrot/backend/cuda/codes/quantized_output.cuh>
#include <dfrot/backend/cuda/codes/row_source.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/quantize.cuh>
#include <dfrot/backend/cuda/token_error.cuh>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

// Rounding of rotated tokens on the device, with their errors. Internal to optimize/cuda.
namespace dfrot::cuda::detail {

/// What becomes of a token's rounded values: kept, left out (zeros, which add nothing to a product), or, for numbers
/// from 0 on, left out and kept apart in that row of the massive tokens.
inline constexpr std::int32_t keep_token = -1;
inline constexpr std::int32_t leave_token_out = -2;

/// Where rounded tokens and their errors go.
template <class T>
struct rounded_tokens {
  matrix_view<T, device_space> b;
  std::int32_t const* place;  ///< a row: keep_token, leave_token_out, or a row of massive_y and massive_b
  matrix_view<double, device_space> massive_y;  ///< y of the massive tokens
  matrix_view<double, device_space> massive_b;  ///< Q(y) of the massive tokens
  token_error* errors;                          ///< of the rows; NaN for a row that is not finite
};

/// Writes b = Q(y) of a thread's part of a group to its place, and y with it where the token is massive.
template <class T, class Source>
__device__ inline void place_group(rounded_tokens<T> const& out, row_place const& of, Source const& source,
                                   group_span const& span, int4_grid<T> const& grid) {
  for_each_quad(span, [&](unsigned column, unsigned count) {
    std::int32_t const place = out.place[of.row];
    quad<T> const y = source.again(column, count);
    for (unsigned e = 0; e < count; ++e) {
      T const b = grid.decode(encode_value(grid, y.value[e]));
      out.b(of.row, column + e) = place == keep_token ? b : T{0};
      if (place >= 0) {
        auto const massive_row = static_cast<std::size_t>(place);
        out.massive_y(massive_row, column + e) = static_cast<double>(y.value[e]);
        out.massive_b(massive_row, column + e) = static_cast<double>(b);
      }
    }
  });
}

/// b <- Q(y), and the errors of the rows: token_errors(), which keeps the rounded values.
template <class T>
__global__ void __launch_bounds__(1024)
    round_tokens(__grid_constant__ group_pass<T> const pass, __grid_constant__ rounded_tokens<T> const out) {
  measure_rows(pass, out.errors, [&out](auto const& place, auto const& source, auto const& span, auto const& grid) {
    place_group(out, place, source, span, grid);
  });
}

/// Rounds the rows of y.
template <class T>
void round_block(policy const& on, int4_scheme const& scheme,
                 std::type_identity_t<matrix_view<T const, device_space>> y, rounded_tokens<T> const& out) {
  auto const pass = make_group_pass<T>(scheme, y);
  launch(on, shape_of("round_tokens", pass.teams, pass.shared_bytes()), round_tokens<T>, pass, out);
}

/// The rounded values of tokens that are kept, in place of those that are there.
template <class T>
struct kept_output : value_output<T, T> {
  std::int32_t const* place;  ///< as in rounded_tokens

  __device__ void write_values(std::size_t row, unsigned column, unsigned count, quad<T> const& x,
                               int4_grid<T> const& grid) const {
    if (place[row] == keep_token) {
      value_output<T, T>::write_values(row, column, count, x, grid);
    }
  }
};

/// b <- Q(y) for tokens that are kept, under another scheme than round_block() had. @pre round_block() with this place
template <class T>
void draw_block(policy const& on, int4_scheme const& scheme, std::type_identity_t<matrix_view<T const, device_space>> y,
                matrix_view<T, device_space> b, std::int32_t const* place) {
  auto const pass = make_group_pass<T>(scheme, y);
  kept_output<T> const kept{{b.data, b.row_stride, moves_in_quads(pass.teams, b.data, b.row_stride)}, place};
  launch_quantize(on, pass, kept);
}

}  // namespace dfrot::cuda::detail
