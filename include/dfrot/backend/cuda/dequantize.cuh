#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/codes/int4_codes.cuh>
#include <dfrot/backend/cuda/codes/row_source.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot::cuda {

/// Codes in memory, one or two a byte, four neighbours at a time.
struct code_input {
  std::uint8_t const* bytes = nullptr;
  std::size_t stride = 0;
  bool packed = false;
  bool is_signed = true;  ///< what a nibble means
  bool in_quads = false;  ///< four neighbours lie together and are aligned

  /// Codes column … column + count - 1 of a row. @pre column is even
  [[nodiscard]] __device__ quad<std::int8_t> read(std::size_t row, unsigned column, unsigned count) const {
    std::uint8_t const* const from = bytes + row * stride + (packed ? column / 2 : column);
    if (!packed) {
      return read_quad(reinterpret_cast<std::int8_t const*>(from), count, in_quads);
    }
    quad<std::int8_t> codes{};
    for (unsigned e = 0; e < count; ++e) {
      codes.value[e] =
          static_cast<std::int8_t>(is_signed ? unpack_int4(from[e / 2], e % 2) : unpack_uint4(from[e / 2], e % 2));
    }
    return codes;
  }
};

/// The values that codes stand for: a row's threads take four neighbours each.
template <class T>
struct dequantize_pass {
  row_teams teams;
  int4_scheme scheme;
  code_input codes;
  arithmetic_t<T> const* scales = nullptr;
  std::size_t scale_stride = 0;
  std::int8_t const* zero_points = nullptr;
  std::size_t zero_point_stride = 0;
  T* out = nullptr;
  std::size_t stride = 0;
  bool in_quads = false;
};

template <class T>
__global__ void __launch_bounds__(1024) dequantize_codes(__grid_constant__ dequantize_pass<T> const pass) {
  row_place const place = place_of_thread(pass.teams);
  if (!place.works) {
    return;
  }
  group_span const row{0, 0, pass.teams.columns, place.thread, pass.teams.row_threads};
  for_each_quad(row, [&](unsigned column, unsigned count) {
    quad<std::int8_t> const codes = pass.codes.read(place.row, column, count);
    quad<T> values;
    for (unsigned e = 0; e < count; ++e) {
      unsigned const group = (column + e) / pass.teams.group;
      int4_grid<arithmetic_t<T>> grid;
      grid.scale = pass.scales[place.row * pass.scale_stride + group];
      grid.zero_point = pass.scheme.symmetric ? 0 : pass.zero_points[place.row * pass.zero_point_stride + group];
      values.value[e] = store_saturated_value<T>(grid.decode(codes.value[e]));
    }
    write_quad(pass.out + place.row * pass.stride + column, values, count, pass.in_quads);
  });
}

namespace detail {

/// @param q a quantized_rows or a quantized_rows
template <class T, class View>
void launch_dequantize(policy const& on, int4_scheme const& scheme, code_input const& codes, View const& q,
                       matrix_view<T, device_space> out) {
  if (out.rows == 0 || out.columns == 0) {
    return;
  }
  dequantize_pass<T> pass;
  pass.teams = make_row_teams(out.rows, out.columns, group_size(scheme, out.columns), threads_for(out.columns));
  pass.scheme = scheme;
  pass.codes = codes;
  pass.scales = q.scales.data;
  pass.scale_stride = q.scales.row_stride;
  pass.zero_points = q.zero_points.data;
  pass.zero_point_stride = q.zero_points.row_stride;
  pass.out = out.data;
  pass.stride = out.row_stride;
  pass.in_quads = quads_are_aligned(out.data, out.row_stride);
  launch(on, shape_of("dequantize_codes", pass.teams, 0), dequantize_codes<T>, pass);
}

/// @param codes one a byte
[[nodiscard]] DFROT_PER_ISA inline code_input input_of(matrix_view<std::int8_t const, device_space> codes) {
  return {reinterpret_cast<std::uint8_t const*>(codes.data), codes.row_stride, false, true,
          quads_are_aligned(codes.data, codes.row_stride)};
}

}  // namespace detail

/// dequantize() on the device. Determinism: the reference's bits (a NaN's payload aside).
/// Throws: std::runtime_error as check_status().
template <storage T>
void dequantize_rows(policy const& on, int4_scheme const& scheme,
                     quantized_rows<std::int8_t const, arithmetic_t<T> const, device_space> const& q,
                     matrix_view<T, device_space> out) {
  detail::launch_dequantize(on, scheme, detail::input_of(q.codes), q, out);
}

/// dequantize() of packed codes on the device; contract as above.
template <storage T>
void dequantize_rows(policy const& on, int4_scheme const& scheme,
                     quantized_rows<std::uint8_t const, arithmetic_t<T> const, device_space> const& q,
                     matrix_view<T, device_space> out) {
  code_input const codes{q.codes.data, q.codes.row_stride, true, scheme.symmetric, false};
  detail::launch_dequantize(on, scheme, codes, q, out);
}

}  // namespace dfrot::cuda
