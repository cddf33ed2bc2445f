#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/codes/quantize_kernel.cuh>
#include <dfrot/backend/cuda/codes/quantized_output.cuh>
#include <dfrot/backend/cuda/codes/row_source.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot::cuda {

// A hook on a device does not wait, so it cannot say which row holds a NaN or an infinity. It marks the groups instead:
// their scale is NaN and their codes are 0, so that nothing computed from them is finite. reject_non_finite() waits and
// looks.

namespace detail {

template <class T, class Output>
void launch_quantize(policy const& on, group_pass<T> const& pass, Output const& out) {
  launch(on, shape_of("quantize_groups", pass.teams, pass.shared_bytes()), quantize_groups<T, Output>, pass, out);
}

}  // namespace detail

/// quantize() to one code a byte on the device: a group is read once from memory (rows of up to about 58,000 values in
/// float on an H100), by a team of threads with about 16 values each. Returns all_finite: see above.
/// Determinism: codes, scales and zero points are those of the reference, to the bit, with scale_rule::max; the same in
/// every run with both rules.   Throws: std::runtime_error as check_status().
template <storage T>
std::size_t quantize_rows(policy const& on, int4_scheme const& scheme, matrix_view<T const, device_space> x,
                          quantized_rows<std::int8_t, arithmetic_t<T>, device_space> const& out) {
  if (x.rows != 0 && x.columns != 0) {
    auto const pass = make_group_pass<T>(scheme, x);
    code_output<arithmetic_t<T>> codes{make_grid_output(scheme, out.scales, out.zero_points)};
    codes.codes = out.codes.data;
    codes.stride = out.codes.row_stride;
    codes.in_quads = moves_in_quads(pass.teams, out.codes.data, out.codes.row_stride);
    detail::launch_quantize(on, pass, codes);
  }
  return all_finite;
}

/// quantize() to packed codes on the device; contract as quantize_rows().
template <storage T>
std::size_t quantize_rows(policy const& on, int4_scheme const& scheme, matrix_view<T const, device_space> x,
                          quantized_rows<std::uint8_t, arithmetic_t<T>, device_space> const& out) {
  if (x.rows != 0 && x.columns != 0) {
    auto const pass = make_group_pass<T>(scheme, x);
    detail::launch_quantize(on, pass, make_packed_output(scheme, pass.teams, out));
  }
  return all_finite;
}

/// fake_quantize() on the device: the values of groups with a NaN or an infinity become NaN. Contract as
/// quantize_rows().
template <storage T, storage U>
std::size_t quantize_rows(policy const& on, int4_scheme const& scheme, matrix_view<T const, device_space> x,
                          matrix_view<U, device_space> out) {
  if (x.rows != 0 && x.columns != 0) {
    auto const pass = make_group_pass<T>(scheme, x);
    value_output<arithmetic_t<T>, U> const values{out.data, out.row_stride,
                                                  moves_in_quads(pass.teams, out.data, out.row_stride)};
    detail::launch_quantize(on, pass, values);
  }
  return all_finite;
}

}  // namespace dfrot::cuda
