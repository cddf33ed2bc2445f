#pragma once

#include <cstdint>

#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/packed_view.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// True if policy P has a kernel for dequantize() to rows of T.
template <class P, class T, class Space = typename P::memory_space>
concept can_dequantize = requires(P const& on, int4_scheme scheme,
                                  quantized_view<std::int8_t const, arithmetic_t<T> const, Space> q,
                                  matrix_view<T, Space> out) {
  dequantize_rows(on, scheme, q, out);
};

/// Turns codes back to values: out = scale * (code - zero_point), rounded to T.
/// @param on where to run   @param scheme as given to quantize()   @param q codes, scales, zero points
/// @param out (m x n) float, double, half or bfloat16; scales are float, or double for double
/// Complexity: O(m n), no workspace.   Determinism: bitwise on every backend.
/// Throws: std::invalid_argument on a shape.   Example: examples/02_int4.cpp
template <execution_policy P, class T, class Code, class Real, class Space>
void dequantize(P const& on, int4_scheme const& scheme, quantized_view<Code, Real, Space> const& q,
                matrix_view<T, Space> out) {
  check_policy<Space>(on);
  static_assert(can_dequantize<P, T>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  check_stride("output", out);
  detail::check_quantized(scheme, q, out.rows, out.columns);
  dequantize_rows(on, scheme, quantized_view<std::int8_t const, Real const, Space>{q.codes, q.scales, q.zero_points},
                  out);
}

/// True if policy P has a kernel for dequantize() of packed codes to rows of T.
template <class P, class T, class Space = typename P::memory_space>
concept can_dequantize_packed = requires(P const& on, int4_scheme scheme,
                                         packed_view<std::uint8_t const, arithmetic_t<T> const, Space> q,
                                         matrix_view<T, Space> out) {
  dequantize_packed_rows(on, scheme, q, out);
};

/// Turns packed codes back to values: out = scale * (code - zero_point), rounded to T.
/// @param on where to run   @param scheme as given to quantize()   @param q packed codes, scales, zero points
/// @param out (m x n) float, double, half or bfloat16; scales are float, or double for double
/// Complexity: O(m n), no workspace.   Determinism: bitwise on every backend.
/// Throws: std::invalid_argument on a shape.   Example: examples/02_int4.cpp
template <execution_policy P, class T, class Byte, class Real, class Space>
void dequantize(P const& on, int4_scheme const& scheme, packed_view<Byte, Real, Space> const& q,
                matrix_view<T, Space> out) {
  check_policy<Space>(on);
  static_assert(can_dequantize_packed<P, T>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  check_stride("output", out);
  detail::check_packed(scheme, q, out.rows, out.columns);
  dequantize_packed_rows(on, scheme,
                         packed_view<std::uint8_t const, Real const, Space>{q.packed, q.scales, q.zero_points}, out);
}

}  // namespace dfrot
