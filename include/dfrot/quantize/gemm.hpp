#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/product_format.hpp>
#include <dfrot/quantize/product_groups.hpp>
#include <dfrot/quantize/product_operands.hpp>
#include <dfrot/quantize/product_output.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

namespace dfrot {

/// Bytes of workspace that integer_gemm() (with the default scheme) and gemm() need for m tokens of k channels: on the
/// processor at most about 2^19, whatever m is, or 16 k where that is more (8 times that for groups of one channel); on a
/// CUDA device none for 8 tokens and fewer, otherwise about m k.   Complexity: O(1).
/// @param scheme of the activations   @param weight_scheme where the weights have groups of their own
template <execution_policy P, product_scheme Scheme = int4_scheme, product_scheme WeightScheme>
[[nodiscard]] std::size_t gemm_workspace_size(P const& on, Scheme const& scheme, WeightScheme const& weight_scheme,
                                              std::size_t m, std::size_t k) {
  static_assert(can_gemm<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  return gemm_workspace_bytes(on, m, k, std::min(group_size(scheme, k), group_size(weight_scheme, k)));
}

/// The same for weights in the groups of the activations.
template <execution_policy P, product_scheme Scheme = int4_scheme>
[[nodiscard]] std::size_t gemm_workspace_size(P const& on, Scheme const& scheme, std::size_t m, std::size_t k) {
  return gemm_workspace_size(on, scheme, scheme, m, k);
}

/// Multiplies codes, exactly:   out(i, j) = sum_l x(i, l) w(j, l),   that is, X W^T, for the integers of their elements.
/// @tparam X what the activations' codes stand for: value = X::unit * integer; INT4 if it is not named
/// @param on where to run   @param activations (m x ceil(k / 2)), packed   @param weights (n x k),
/// repacked for the same policy   @param out (m x n)
/// @param workspace at least gemm_workspace_size(on, {}, m, k) bytes
/// Complexity: m n k multiplications.   Determinism: bitwise on every backend, for any thread count.
/// Throws: std::invalid_argument on a shape, or for rows too long to be summed in 32 bits: longest_gemm_row for INT4.
/// Source: arXiv 2404.00456, section 4.
template <integer_element X = s4, execution_policy P, class Byte, class Q, class Element, class Space>
void integer_gemm(P const& on, matrix_view<Byte, Space> activations, repacked_weights<Q, Element> const& weights,
                  matrix_view<std::int32_t, Space> out, vector_view<std::byte, Space> workspace) {
  check_policy<Space>(on);
  static_assert(can_gemm<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  static_assert(std::is_same_v<P, Q>, "these weights were repacked for another policy");
  static_assert(!can_gemm<P> || can_integer_gemm<P, X, Element>,
                "this backend multiplies INT4 codes only: it has no product of these two elements");
  matrix_view<std::uint8_t const, Space> const read = activations;
  detail::check_gemm<typename detail::codes_format<X>::type>(
      on, read, weights, out, workspace, gemm_workspace_size(on, {}, activations.rows, weights.columns));
  if constexpr (can_integer_gemm<P, X, Element>) {
    integer_gemm_rows(on, X{}, read, weights, out, workspace.data);
  }
}

namespace detail {

/// gemm() of a scheme that products can read.
template <class P, product_scheme Scheme, class Byte, class Scale, class Space, class Q, class WeightScheme, class Out>
void multiply_formats(P const& on, Scheme const& scheme, quantized_rows<Byte, Scale, Space> const& x,
                      scaled_weights<Q, WeightScheme> const& weights, Out const& out,
                      vector_view<std::byte, Space> workspace) {
  auto const& weight_scheme = weights.scheme_beside(scheme);
  auto const format = activation_format(scheme);
  auto const w_format = weight_format(weight_scheme);
  using X = std::remove_const_t<decltype(format)>;
  using W = std::remove_const_t<decltype(w_format)>;
  static_assert(std::is_same_v<typename X::stored_scale, std::remove_const_t<Scale>>,
                "the scales of the activations are not of their scheme's scale_type");
  static_assert(
      !can_gemm<P> || can_multiply<P, X, W, Out>,
      "this backend has no product of these elements, with scales kept like these, to an output like this one; "
      "INT4 with float scales to float is what every backend has");
  std::size_t const k = weights.codes.columns;
  matrix_view<std::uint8_t const, Space> const codes = x.codes;
  check_gemm<X>(on, codes, weights.codes, values_of(out), workspace,
                gemm_workspace_size(on, scheme, weight_scheme, x.codes.rows, k));
  check_shape("activation scales", x.scales, codes.rows, group_count(scheme, k));
  check_shape("weight scales", weights.scales, weights.codes.rows, group_count(weight_scheme, k));
  if (scheme.has_zero_points()) {
    check_shape("zero points", x.zero_points, codes.rows, group_count(scheme, k));
  }
  if constexpr (can_multiply<P, X, W, Out>) {
    product_activations<X, Space> const read{format, codes, x.scales,
                                             scheme.has_zero_points()
                                                 ? matrix_view<std::int8_t const, Space>(x.zero_points)
                                                 : matrix_view<std::int8_t const, Space>()};
    gemm_rows(on, product_groups_of(k, group_size(scheme, k), group_size(weight_scheme, k)), read,
              product_weights<P, W>{w_format, weights.codes, weights.scales}, out, workspace.data);
  }
}

/// gemm() with both sides' formats, to an output of either kind.
template <execution_policy P, class Scheme, class Byte, class Scale, class Space, class Q, class WeightScheme,
          class Out>
void gemm_to(P const& on, Scheme const& scheme, quantized_rows<Byte, Scale, Space> const& x,
             scaled_weights<Q, WeightScheme> const& weights, Out const& out, vector_view<std::byte, Space> workspace) {
  check_policy<Space>(on);
  static_assert(can_gemm<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  static_assert(std::is_same_v<P, Q>, "these weights were repacked for another policy");
  static_assert(std::is_same_v<std::uint8_t, std::remove_const_t<Byte>>, "products read packed codes: std::uint8_t");
  static_assert(product_scheme<Scheme>,
                "products take int4_scheme, or a scheme with an integer_element and a "
                "scale_storage, such as block_scheme<e2m1>: a codebook has no exact product");
  if constexpr (product_scheme<Scheme> && std::is_same_v<P, Q>) {
    multiply_formats(on, scheme, x, weights, out, workspace);
  }
}

}  // namespace detail

/// Multiplies what the codes stand for, X W^T, from 4-bit codes with 32-bit sums:
///   out(i, j) = sum_g (s_x(i, g) s_w(j, g)) S_g,   S_g = sum_{l in group g} (x(i, l) - z(i, g)) w(j, l)
/// x and w are the elements' integers; a scale is that of the scheme times its element's unit, rounded to float. g are the groups
/// of the side that has the smaller ones; a larger group's scale and zero point count in each of them.
/// The S_g are exact. In float: S_g is rounded, the two scales' product is rounded, the first group's product is rounded,
/// and each further group is added by a fused multiply-add, in the order of g; the result is rounded to T. Weights have no zero
/// points.
/// @param on where to run   @param scheme how the activations were quantized: int4_scheme, or a block_scheme whose element is
/// an integer_element
/// @param x activations (m x k), packed, with scales and zero points   @param weights (n x k), repacked for the same
/// policy, with a scheme of their own, or (INT4) in the groups of the activations   @param out (m x n) float, half or bfloat16;
/// add_to(out) adds to what is there   @param workspace at least gemm_workspace_size(on, scheme, weights.scheme, m, k) bytes
/// Complexity: m n k multiplications.   Determinism: bitwise on every backend, for any thread count.
/// Throws: std::invalid_argument on a shape, for groups of which neither is a multiple of the other, or for rows too long to be
/// summed in 32 bits.   Source: arXiv 2404.00456, section 4.
template <execution_policy P, quantization_scheme Scheme = int4_scheme, class Byte, class Scale, class Space, class Q,
          class WeightScheme, class T>
void gemm(P const& on, Scheme const& scheme, quantized_rows<Byte, Scale, Space> const& x,
          scaled_weights<Q, WeightScheme> const& weights, matrix_view<T, Space> out,
          vector_view<std::byte, Space> workspace) {
  detail::gemm_to(on, scheme, x, weights, out, workspace);
}

template <execution_policy P, quantization_scheme Scheme = int4_scheme, class Byte, class Scale, class Space, class Q,
          class WeightScheme, class T>
void gemm(P const& on, Scheme const& scheme, quantized_rows<Byte, Scale, Space> const& x,
          scaled_weights<Q, WeightScheme> const& weights, added_output<T, Space> out,
          vector_view<std::byte, Space> workspace) {
  detail::gemm_to(on, scheme, x, weights, out, workspace);
}

}  // namespace dfrot
