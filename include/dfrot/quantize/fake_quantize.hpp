#pragma once

#include <cstddef>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/transformed_rows.hpp>

namespace dfrot {

namespace detail {

/// Checks the arguments of fake_quantize().
template <execution_policy P, class Scheme = int4_scheme, class T, class U, class Space>
void check_fake_quantize(P const& on, Scheme const& scheme, matrix_view<T, Space> x, matrix_view<U, Space> out) {
  check_quantizes<T, Space>(on, scheme, out);
  scheme.check();
  check_stride("activations", x);
  check_shape("output", out, x.rows, x.columns);
}

}  // namespace detail

/// Rounds each row to the values that its codes stand for: out = dequantize(quantize(x)), without writing codes.
///   Q(x) = scale * value(encode(x / scale)),   for INT4 scale * (clamp(round(x / scale) + zero_point) - zero_point)
/// @param on where to run   @param scheme as for quantize()   @param x (m x n)   @param out (m x n), may be x itself
/// Complexity: as quantize().   Determinism: as quantize().
/// Throws: std::invalid_argument on a shape, a clip, or a non-finite value (naming its row; on a device, which is not
/// waited for, all values of its group become NaN instead).
template <execution_policy P, class Scheme = int4_scheme, class T, class U, class Space>
void fake_quantize(P const& on, Scheme const& scheme, matrix_view<T, Space> x, matrix_view<U, Space> out) {
  detail::check_fake_quantize(on, scheme, x, out);
  matrix_view<T const, Space> const read = x;
  reject_non_finite(read, quantize_rows(on, detail::kernel_scheme(scheme), read, out));
}

/// The same for a block of rows that were rotated, and were finite before that.
/// @param name name(row): what the caller calls a row of the block in errors, such as "row 2500"; a std::string
/// Throws: std::invalid_argument on a shape, or where the rotation made a value overflow (naming the row); on the host only.
template <execution_policy P, class Scheme = int4_scheme, class T, class U, class Name>
void fake_quantize(P const& on, Scheme const& scheme, matrix_view<T> x, matrix_view<U> out, Name const& name) {
  detail::check_fake_quantize(on, scheme, x, out);
  reject_overflow(quantize_rows(on, detail::kernel_scheme(scheme), matrix_view<T const>(x), out), name);
}

/// The same for rows that go through a transform first: out = Q(x T). @param rows make_transformed_rows(x, transform, workspace)
/// Throws: as rotate_quantize().
template <execution_policy P, class Scheme = int4_scheme, class T, class V, class U, class Space>
void fake_quantize(P const& on, Scheme const& scheme, transformed_rows<T, V, Space> const& rows,
                   matrix_view<U, Space> out) {
  detail::check_transformed<T, Space, V>(on, scheme, out);
  scheme.check();
  detail::expect_transformed_shapes(on, rows);
  check_shape("output", out, rows.x.rows, rows.x.columns);
  detail::reject_transformed(rows.x, quantize_rows(on, detail::kernel_scheme(scheme), rows, out));
}

}  // namespace dfrot
