#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

/// Quantizes each row to 4-bit codes.
///   code = encode(x / scale),   the scale of each group (and its zero point) as the scheme says
/// For INT4, code = clamp(round(x / scale) + zero_point); see int4_grid.hpp, and block_scheme.hpp for other formats.
/// @param on where to run   @param scheme element, scales, groups: int4_scheme, or a block_scheme
/// @param x (m x n) float, double, half or bfloat16
/// @param out codes (two or one a byte, as their type says), scales and zero points (m x groups). Packed groups of an odd
/// number of columns may share a byte; the last high nibble of an odd row is 0.
/// @post |x - scale (code - zero_point)| <= scale / 2 (1 + 4 eps) for INT4 wherever clip does not cut (clip 1 and
/// scale_rule::max)
/// Complexity: O(k m n) for a scheme of k candidates, such as 17 for a scale search; no workspace.
/// Determinism: bitwise on every backend for schemes of one candidate, for any thread count with all.
/// Throws: std::invalid_argument on a shape, a clip, or a non-finite value (naming its row; that row's codes are not
/// written, other rows' may be). A device is not waited for: there, the groups that hold such a value get scales of NaN
/// and codes of 0, see cuda::reject_non_finite().   Source: arXiv 2412.00648, section 3; arXiv 2404.00456, section 4.   Example:
/// examples/02_int4.cpp
template <execution_policy P, class Scheme = int4_scheme, class T, class Code, class Scale, class Space>
void quantize(P const& on, Scheme const& scheme, matrix_view<T, Space> x,
              quantized_rows<Code, Scale, Space> const& out) {
  detail::check_quantizes<T, Space>(on, scheme, out);
  check_stride("activations", x);
  detail::check_quantized(scheme, out, x.rows, x.columns);
  matrix_view<T const, Space> const read = x;
  reject_non_finite(read, quantize_rows(on, detail::kernel_scheme(scheme), read, out));
}

/// Codes to be written by encode(), and the scales and zero points that they are for, as in quantized_rows.
template <class Code, class Scale, class Space = host_space>
struct codes_for_grids {
  matrix_view<Code, Space> codes;
  matrix_view<Scale const, Space> scales;
  matrix_view<std::int8_t const, Space> zero_points;
};

/// Encodes each row with scales (and zero points) that are known: codes alone are written. A quantizer that moves values while
/// it encodes others, such as GPTQ, keeps its scales this way; they may come from anywhere.
/// @pre scales finite, not 0, with a finite reciprocal
/// Complexity: O(m n), no workspace.   Determinism: bitwise on every backend.   Throws: as quantize().
template <execution_policy P, class Scheme = int4_scheme, class T, class Code, class Scale, class Space>
void encode(P const& on, Scheme const& scheme, matrix_view<T, Space> x,
            codes_for_grids<Code, Scale, Space> const& out) {
  detail::check_quantizes<T, Space>(on, scheme, out);
  check_stride("activations", x);
  detail::check_quantized(scheme,
                          quantized_rows<Code const, Scale const, Space>{out.codes, out.scales, out.zero_points},
                          x.rows, x.columns);
  matrix_view<T const, Space> const read = x;
  reject_non_finite(read, quantize_rows(on, detail::kernel_scheme(scheme), read, out));
}

}  // namespace dfrot
