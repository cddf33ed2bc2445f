#pragma once

#include <cstdint>
#include <type_traits>

#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot {

/// True if policy P has a kernel for dequantize() to rows of T.
template <class P, class Scheme, class Code, class T, class Space = typename P::memory_space>
concept can_dequantize = quantization_scheme<Scheme> && storage<T> &&
    requires(P const& on, kernel_scheme_t<Scheme> const& scheme,
             quantized_rows<Code const, typename Scheme::template scale_type<arithmetic_t<T>> const, Space> q,
             matrix_view<T, Space> out) {
  dequantize_rows(on, scheme, q, out);
};

/// Turns codes back to values: out = scale * value(code), for INT4 scale * (code - zero_point), rounded to T.
/// @param on where to run   @param scheme as given to quantize()   @param q codes, scales, zero points
/// @param out (m x n) float, double, half or bfloat16; scales are of the scheme's scale_type (for INT4 float, or double for
/// double)
/// Complexity: O(m n), no workspace.   Determinism: bitwise on every backend.
/// Throws: std::invalid_argument on a shape.   Example: examples/02_int4.cpp
template <execution_policy P, class Scheme = int4_scheme, class T, class Code, class Scale, class Space>
void dequantize(P const& on, Scheme const& scheme, quantized_rows<Code, Scale, Space> const& q,
                matrix_view<T, Space> out) {
  check_policy<Space>(on);
  static_assert(quantization_scheme<Scheme>,
                "this scheme lacks a part of the concept quantization_scheme: see dfrot/quantize/int4_scheme.hpp");
  static_assert(can_dequantize<P, int4_scheme, std::uint8_t, float>,
                "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  if constexpr (quantization_scheme<Scheme>) {
    static_assert(std::is_same_v<std::remove_const_t<Scale>, typename Scheme::template scale_type<arithmetic_t<T>>>,
                  "these scales are not of the scheme's scale_type");
    static_assert(can_dequantize<P, Scheme, std::remove_const_t<Code>, T>,
                  "this backend has no kernel that dequantizes this scheme to this type");
  }
  check_stride("output", out);
  detail::check_quantized(scheme, q, out.rows, out.columns);
  dequantize_rows(on, detail::kernel_scheme(scheme), q.as_const(), out);
}

}  // namespace dfrot
