#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/codes/int4_codes.cuh>
#include <dfrot/backend/cuda/codes/row_source.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/backend/cuda/dequantize.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot::cuda {

/// Copies codes from one layout to the other, four neighbours at a time. (Byte is uint8_t; kernels in headers are
/// templates.)
template <class Byte>
__global__ void __launch_bounds__(1024)
    move_codes(__grid_constant__ row_teams const teams, __grid_constant__ code_input const from, Byte* to,
               std::size_t stride, bool in_quads) {
  row_place const place = place_of_thread(teams);
  if (!place.works) {
    return;
  }
  group_span const row{0, 0, teams.columns, place.thread, teams.row_threads};
  for_each_quad(row, [&](unsigned column, unsigned count) {
    quad<std::int8_t> const codes = from.read(place.row, column, count);
    if (from.packed) {
      write_quad(reinterpret_cast<std::int8_t*>(to) + place.row * stride + column, codes, count, in_quads);
    } else {
      for (unsigned e = 0; e < count; e += 2) {  // codes beyond the row are 0
        to[place.row * stride + (column + e) / 2] = pack_int4(codes.value[e], codes.value[e + 1]);
      }
    }
  });
}

/// pack() on the device. Determinism: exact.   Throws: std::runtime_error as check_status().
DFROT_PER_ISA inline void pack_rows(policy const& on, matrix_view<std::int8_t const, device_space> codes,
                                    matrix_view<std::uint8_t, device_space> packed) {
  if (codes.rows != 0 && codes.columns != 0) {
    row_teams const teams = make_row_teams(codes.rows, codes.columns, codes.columns, threads_for(codes.columns));
    launch(on, shape_of("pack", teams, 0), move_codes<std::uint8_t>, teams, detail::input_of(codes), packed.data,
           packed.row_stride, false);
  }
}

/// unpack() on the device; contract as pack_rows().
DFROT_PER_ISA inline void unpack_rows(policy const& on, matrix_view<std::uint8_t const, device_space> packed,
                                      matrix_view<std::int8_t, device_space> codes, bool is_signed) {
  if (codes.rows != 0 && codes.columns != 0) {
    row_teams const teams = make_row_teams(codes.rows, codes.columns, codes.columns, threads_for(codes.columns));
    code_input const from{packed.data, packed.row_stride, true, is_signed, false};
    launch(on, shape_of("unpack", teams, 0), move_codes<std::uint8_t>, teams, from,
           reinterpret_cast<std::uint8_t*>(codes.data), codes.row_stride,
           quads_are_aligned(codes.data, codes.row_stride));
  }
}

}  // namespace dfrot::cuda
