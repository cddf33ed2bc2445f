#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

namespace dfrot {

/// Activations X (m tokens x k channels) as the products read them.
template <class Space = host_space>
using packed_activations = quantized_rows<std::uint8_t const, float const, Space>;

/// Repacked weights W (n x k) with their scales, n x group_count: one for each output channel, or one for each of its
/// groups.
template <execution_policy P>
struct scaled_weights {
  repacked_weights<P> codes;
  matrix_view<float const, typename P::memory_space> scales;
};

/// True if policy P has kernels for integer_gemm() and gemm().
template <class P, class Space = typename P::memory_space>
concept can_gemm = can_repack_weights<P> &&
    requires(P const& on, int4_scheme scheme, packed_activations<Space> x, scaled_weights<P> w, std::size_t count,
             matrix_view<std::int32_t, Space> sums, matrix_view<float, Space> out, std::byte* workspace) {
  { gemm_workspace_bytes(on, count, count, count) } -> std::same_as<std::size_t>;
  integer_gemm_rows(on, x.codes, w.codes, sums, workspace);
  gemm_rows(on, scheme, x, w, out, workspace);
};

/// Bytes of workspace that integer_gemm() (with the default scheme) and gemm() need for m tokens of k channels: on the
/// processor at most about 2^19, whatever m is, or 16 k where that is more (8 times that for groups of one channel); on a
/// CUDA device none for 8 tokens and fewer, otherwise about m k.   Complexity: O(1).
template <execution_policy P>
[[nodiscard]] std::size_t gemm_workspace_size(P const& on, int4_scheme const& scheme, std::size_t m, std::size_t k) {
  static_assert(can_gemm<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  return gemm_workspace_bytes(on, m, k, group_size(scheme, k));
}

namespace detail {

/// Checks what both products share: packed activations of the weights' k channels, the output, the workspace.
template <execution_policy P, class T, class Space>
void check_gemm(P const& on, int4_scheme const& scheme, matrix_view<std::uint8_t const, Space> const& activations,
                repacked_weights<P> const& weights, matrix_view<T, Space> const& out,
                vector_view<std::byte, Space> const& workspace) {
  check_repacked(on, weights);
  check_shape("packed activations", activations, activations.rows, packed_columns(weights.columns));
  check_shape("output", out, activations.rows, weights.rows);
  std::size_t const needed = gemm_workspace_size(on, scheme, activations.rows, weights.columns);
  expects(workspace.size >= needed, "workspace: ", workspace.size, " bytes, expected ", needed);
}

}  // namespace detail

/// Multiplies symmetric codes, exactly:   out(i, j) = sum_l x(i, l) w(j, l),   that is, X W^T.
/// @param on where to run   @param activations (m x ceil(k / 2)), packed, codes -8 … 7   @param weights (n x k),
/// repacked for the same policy   @param out (m x n)
/// @param workspace at least gemm_workspace_size(on, {}, m, k) bytes
/// Complexity: m n k multiplications.   Determinism: bitwise on every backend, for any thread count.
/// Throws: std::invalid_argument on a shape, or for k > longest_gemm_row.   Source: arXiv 2404.00456, section 4.
template <execution_policy P, class Byte, class Q, class Space>
void integer_gemm(P const& on, matrix_view<Byte, Space> activations, repacked_weights<Q> const& weights,
                  matrix_view<std::int32_t, Space> out, vector_view<std::byte, Space> workspace) {
  check_policy<Space>(on);
  static_assert(can_gemm<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  static_assert(std::is_same_v<P, Q>, "these weights were repacked for another policy");
  matrix_view<std::uint8_t const, Space> const read = activations;
  detail::check_gemm(on, {}, read, weights, out, workspace);
  integer_gemm_rows(on, read, weights, out, workspace.data);
}

/// Multiplies what the codes stand for, X W^T, from 4-bit codes with 32-bit sums:
///   out(i, j) = sum_g (s_x(i, g) s_w(j, g)) S_g,   S_g = sum_{l in group g} (x(i, l) - z(i, g)) w(j, l)
/// The S_g are exact. In float: S_g is rounded, the two scales' product is rounded, the first group's product is rounded,
/// and each further group is added by a fused multiply-add, in the order of g. Weights are symmetric.
/// @param on where to run   @param scheme how the activations were quantized: symmetric or not, and the group, which is
/// the weights' as well
/// @param activations (m x k), packed; zero points, if any, in 0 … 15   @param weights (n x k), repacked for the same
/// policy   @param out (m x n)   @param workspace at least gemm_workspace_size(on, scheme, m, k) bytes
/// Complexity: m n k multiplications.   Determinism: bitwise on every backend, for any thread count.
/// Throws: std::invalid_argument on a shape, or for k > longest_gemm_row.   Source: arXiv 2404.00456, section 4.
template <execution_policy P, class Q, class Byte, class Real, class Space>
void gemm(P const& on, int4_scheme const& scheme, quantized_rows<Byte, Real, Space> const& activations,
          scaled_weights<Q> const& weights, matrix_view<float, Space> out, vector_view<std::byte, Space> workspace) {
  check_policy<Space>(on);
  static_assert(can_gemm<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  static_assert(std::is_same_v<P, Q>, "these weights were repacked for another policy");
  detail::check_gemm(on, scheme, matrix_view<std::uint8_t const, Space>(activations.codes), weights.codes, out,
                     workspace);
  std::size_t const groups = group_count(scheme, weights.codes.columns);
  check_shape("activation scales", activations.scales, out.rows, groups);
  check_shape("weight scales", weights.scales, out.columns, groups);
  if (!scheme.symmetric) {
    check_shape("zero points", activations.zero_points, out.rows, groups);
  }
  gemm_rows(on, scheme, packed_activations<Space>{activations.codes, activations.scales, activations.zero_points},
            weights, out, workspace.data);
}

}  // namespace dfrot
