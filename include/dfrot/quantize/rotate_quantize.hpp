#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/transformed_rows.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

/// Values of arithmetic_t<T> that rotate_quantize() takes as workspace: transformed_rows_workspace_size().
template <execution_policy P, transform R>
[[nodiscard]] std::size_t rotate_quantize_workspace_size(P const& on, R const& transform) {
  return transformed_rows_workspace_size(on, transform);
}

/// Transforms each row and quantizes the result: what an engine does to the input of a layer, online. The transform is a
/// rotation as a rule, and may be any.
///   out = quantize(x T),   such as T = diag(s) H_n / sqrt(n)
/// A transformed row stays in the caches: it is never written to memory, and x is not changed. The same bytes as apply() and
/// quantize(), one after the other, in the arithmetic type under the same policy.
/// @param on where to run   @param transform a randomized_hadamard, a short_rotation, a hadamard_order (no signs), or any other
/// transform, a chain of several included; on a device, those with Hadamard kernels: an order, and signs and an order
/// @param scheme as for quantize()   @param x (m x n) float, double, half or bfloat16
/// @param out codes (packed: m x ceil(n / 2)), scales and zero points (m x groups); half and bfloat16 have float scales,
/// and are transformed and rounded in float: there is no rounding to their own type in between
/// @param workspace rotate_quantize_workspace_size(on, transform) values; contents are lost. Faster from the
/// start of a cache line (aligned_vector)
/// Complexity: that of apply() plus that of quantize(), no allocation.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on a shape, a clip, a non-finite value, or a row too large for its transform to be finite
/// (naming the row; its codes are not written, other rows' may be). A device is not waited for: there, such a row gets scales
/// of NaN and codes of 0, see cuda::reject_non_finite().
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (online Hadamard transforms).
template <execution_policy P, class R, class Scheme = int4_scheme, class T, class Code, class Scale, class Space>
void rotate_quantize(P const& on, R const& transform, Scheme const& scheme, matrix_view<T, Space> x,
                     quantized_rows<Code, Scale, Space> const& out,
                     std::type_identity_t<vector_view<arithmetic_t<T>, Space>> workspace) {
  if constexpr (quantization_scheme<Scheme> && storage<T>) {
    static_assert(std::is_same_v<Scale, typename Scheme::template scale_type<arithmetic_t<T>>>,
                  "these scales are not of the scheme's scale_type");
  }
  detail::check_transformed<T, Space, R>(on, scheme, out);
  auto const rows = make_transformed_rows(x, transform, workspace);
  detail::expect_transformed_shapes(on, rows);
  detail::check_quantized(scheme, out, x.rows, x.columns);
  detail::reject_transformed(rows.x, quantize_rows(on, detail::kernel_scheme(scheme), rows, out));
}

/// The same with a workspace that this call allocates, on the host only. Errors: std::bad_alloc.
template <execution_policy P, class R, class Scheme = int4_scheme, class T, class Code, class Scale, class Space>
void rotate_quantize(P const& on, R const& transform, Scheme const& scheme, matrix_view<T, Space> x,
                     quantized_rows<Code, Scale, Space> const& out) {
  detail::check_transformed<T, Space, R>(on, scheme, out);
  static_assert(std::is_same_v<Space, host_space>, "give a workspace: only the host's is allocated here");
  aligned_vector<arithmetic_t<T>> workspace(rotate_quantize_workspace_size(on, transform));
  rotate_quantize(on, transform, scheme, x, out, vector_view<arithmetic_t<T>>(workspace.data(), workspace.size()));
}

}  // namespace dfrot
