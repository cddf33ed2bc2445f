#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/packed_view.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

namespace detail {

/// Checks that codes, scales and zero points fit to m x n activations under a scheme.
template <class Code, class Real, class Space>
DFROT_PER_ISA void check_quantized(int4_scheme const& scheme, quantized_view<Code, Real, Space> const& q,
                                   std::size_t rows, std::size_t columns) {
  check_scheme(scheme);
  check_shape("codes", q.codes, rows, columns);
  check_shape("scales", q.scales, rows, group_count(scheme, columns));
  if (!scheme.symmetric) {
    check_shape("zero points", q.zero_points, rows, group_count(scheme, columns));
  }
}

}  // namespace detail

/// True if policy P has a kernel for quantize() of rows of T.
template <class P, class T, class Space = typename P::memory_space>
concept can_quantize = requires(P const& on, int4_scheme scheme, matrix_view<T const, Space> x,
                                quantized_view<std::int8_t, arithmetic_t<T>, Space> out) {
  { quantize_rows(on, scheme, x, out) } -> std::same_as<std::size_t>;
};

/// Quantizes each row to 4-bit codes.
///   code = clamp(round(x / scale) + zero_point),   scale and zero_point per group as int4_scheme says (see
///   int4_grid.hpp)
/// @param on where to run   @param scheme symmetric or not, group, clip, scale rule
/// @param x (m x n) float, double, half or bfloat16   @param out codes (m x n), scales and zero points (m x groups)
/// @post |x - scale (code - zero_point)| <= scale / 2 (1 + 4 eps) wherever clip does not cut (clip 1 and
/// scale_rule::max)
/// Complexity: O(m n), O(17 m n) with a scale search; no workspace.   Determinism: bitwise on every backend with
/// scale_rule::max, for any thread count with both.
/// Throws: std::invalid_argument on a shape, a clip, or a non-finite value (naming its row; that row's codes are not
/// written, other rows' may be). A device is not waited for: there, the groups that hold such a value get scales of NaN
/// and codes of 0, see cuda::reject_non_finite().   Source: arXiv 2412.00648, section 3; arXiv 2404.00456, section 4.   Example:
/// examples/02_int4.cpp
template <execution_policy P, class T, class Code, class Real, class Space>
void quantize(P const& on, int4_scheme const& scheme, matrix_view<T, Space> x,
              quantized_view<Code, Real, Space> const& out) {
  check_policy<Space>(on);
  static_assert(can_quantize<P, std::remove_const_t<T>>,
                "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  check_stride("activations", x);
  detail::check_quantized(scheme, out, x.rows, x.columns);
  matrix_view<T const, Space> const read = x;
  reject_non_finite(read, quantize_rows(on, scheme, read, out));
}

/// True if policy P has a kernel for quantize() of rows of T to packed codes.
template <class P, class T, class Space = typename P::memory_space>
concept can_quantize_packed = requires(P const& on, int4_scheme scheme, matrix_view<T const, Space> x,
                                       packed_view<std::uint8_t, arithmetic_t<T>, Space> out) {
  { quantize_packed_rows(on, scheme, x, out) } -> std::same_as<std::size_t>;
};

/// Quantizes each row to 4-bit codes, two a byte: the bytes that quantize() to codes and pack() give, in one step.
/// Groups of an odd number of columns may share a byte; the last high nibble of an odd row is 0.
/// @param on where to run   @param scheme symmetric or not, group, clip, scale rule
/// @param x (m x n) float, double, half or bfloat16
/// @param out packed (m x ceil(n / 2)), scales and zero points (m x groups)
/// Complexity, Determinism, Throws: as quantize() to codes.   Example: examples/02_int4.cpp
template <execution_policy P, class T, class Byte, class Real, class Space>
void quantize(P const& on, int4_scheme const& scheme, matrix_view<T, Space> x,
              packed_view<Byte, Real, Space> const& out) {
  check_policy<Space>(on);
  static_assert(can_quantize_packed<P, std::remove_const_t<T>>,
                "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  check_stride("activations", x);
  detail::check_packed(scheme, out, x.rows, x.columns);
  matrix_view<T const, Space> const read = x;
  reject_non_finite(read, quantize_packed_rows(on, scheme, read, out));
}

}  // namespace dfrot
