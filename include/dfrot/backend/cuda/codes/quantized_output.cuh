#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cuda/codes/int4_codes.cuh>
#include <dfrot/backend/cuda/codes/row_source.cuh>
#include <dfrot/backend/cuda/codes/row_teams.cuh>
#include <dfrot/core/numeric.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/format/int4_grid.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot::cuda {

/// Scales and zero points in memory; no zero points for a symmetric scheme.
template <class Real>
struct grid_output {
  Real* scales = nullptr;
  std::size_t scale_stride = 0;
  std::int8_t* zero_points = nullptr;
  std::size_t zero_point_stride = 0;

  __device__ void write_grid(std::size_t row, unsigned group, int4_grid<Real> const& grid) const {
    scales[row * scale_stride + group] = grid.scale;
    if (zero_points != nullptr) {
      zero_points[row * zero_point_stride + group] = static_cast<std::int8_t>(grid.zero_point);
    }
  }
  /// The grid that write_grid() wrote.
  [[nodiscard]] __device__ int4_grid<Real> read_grid(int4_scheme const& scheme, std::size_t row, unsigned group) const {
    Real const scale = scales[row * scale_stride + group];
    int const zero_point = zero_points == nullptr ? 0 : zero_points[row * zero_point_stride + group];
    return scale == scale ? scheme.grid(scale, zero_point) : grid_of_nothing<Real>();
  }
};

template <class Real>
[[nodiscard]] grid_output<Real> make_grid_output(int4_scheme const& scheme, matrix_view<Real, device_space> scales,
                                                 matrix_view<std::int8_t, device_space> zero_points) {
  return {scales.data, scales.row_stride, scheme.symmetric ? nullptr : zero_points.data, zero_points.row_stride};
}

/// One code a byte.
template <class Real>
struct code_output : grid_output<Real> {
  std::int8_t* codes = nullptr;
  std::size_t stride = 0;
  bool in_quads = false;

  __device__ void write_values(std::size_t row, unsigned column, unsigned count, quad<Real> const& values,
                               int4_grid<Real> const& grid) const {
    quad<std::int8_t> encoded;
    DFROT_DEVICE_UNROLL for (unsigned e = 0; e < 4; ++e) {
      encoded.value[e] = static_cast<std::int8_t>(encode_value(grid, values.value[e]));
    }
    write_quad(codes + row * stride + column, encoded, count, in_quads);
  }
};

/// Two neighbouring bytes of packed codes, written in one access.
struct alignas(2) byte_pair {
  std::uint8_t value[2];
};

/// Two codes a byte.
template <class Real>
struct packed_output : grid_output<Real> {
  std::uint8_t* packed = nullptr;
  std::size_t stride = 0;
  bool in_pairs = false;
  bool shares_bytes = false;  ///< groups of an odd number of columns: write_values() leaves the codes to write_row()

  __device__ void write_values(std::size_t row, unsigned column, unsigned count, quad<Real> const& values,
                               int4_grid<Real> const& grid) const {
    if (shares_bytes) {
      return;
    }
    int code[4];
    DFROT_DEVICE_UNROLL for (unsigned e = 0; e < 4; ++e) {
      code[e] = e < count ? encode_value(grid, values.value[e]) : 0;
    }
    std::uint8_t* const to = packed + row * stride + column / 2;
    byte_pair const bytes{{pack_int4(code[0], code[1]), pack_int4(code[2], code[3])}};
    if (in_pairs) {
      *reinterpret_cast<byte_pair*>(to) = bytes;
    } else {
      to[0] = bytes.value[0];
      if (count > 2) {
        to[1] = bytes.value[1];
      }
    }
  }

  /// The codes of a row whose grids are written. @pre a barrier before it
  template <class Source>
  __device__ void write_row(row_teams const& teams, int4_scheme const& scheme, row_place const& place,
                            Source const& source) const {
    for (unsigned column = 2 * place.thread; column < teams.columns; column += 2 * teams.row_threads) {
      int code[2] = {0, 0};
      for (unsigned e = 0; e < 2 && column + e < teams.columns; ++e) {
        auto const grid = this->read_grid(scheme, place.row, (column + e) / teams.group);
        code[e] = encode_value(grid, source.again(column + e, 1).value[0]);
      }
      packed[place.row * stride + column / 2] = pack_int4(code[0], code[1]);
    }
  }
};

template <class Real>
[[nodiscard]] packed_output<Real> make_packed_output(int4_scheme const& scheme, row_teams const& teams,
                                                     quantized_rows<std::uint8_t, Real, device_space> const& out) {
  packed_output<Real> result{make_grid_output(scheme, out.scales, out.zero_points)};
  result.packed = out.codes.data;
  result.stride = out.codes.row_stride;
  result.shares_bytes = teams.groups > 1 && teams.group % 2 != 0;
  // Every quad is whole then, and starts at an even byte.
  result.in_pairs = reinterpret_cast<std::uintptr_t>(out.codes.data) % alignof(byte_pair) == 0 &&
                    out.codes.row_stride % 2 == 0 && teams.columns % 4 == 0 &&
                    (teams.groups == 1 || teams.group % 4 == 0);
  return result;
}

/// The values that the codes stand for.
template <class Real, class U>
struct value_output {
  U* values = nullptr;
  std::size_t stride = 0;
  bool in_quads = false;

  __device__ void write_grid(std::size_t /*row*/, unsigned /*group*/, int4_grid<Real> const& /*grid*/) const {}
  __device__ void write_values(std::size_t row, unsigned column, unsigned count, quad<Real> const& x,
                               int4_grid<Real> const& grid) const {
    quad<U> nearest;
    DFROT_DEVICE_UNROLL for (unsigned e = 0; e < 4; ++e) {
      nearest.value[e] = store_saturated_value<U>(grid.decode(encode_value(grid, x.value[e])));
    }
    write_quad(values + row * stride + column, nearest, count, in_quads);
  }
};

}  // namespace dfrot::cuda
