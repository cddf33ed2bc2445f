#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/product_format.hpp>
#include <dfrot/quantize/product_groups.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

namespace dfrot {

/// INT4 activations X (m tokens x k channels) as products read them.
template <class Space = host_space>
using packed_activations = quantized_rows<std::uint8_t const, float const, Space>;

/// Repacked weights W (n x k) with their scales, n x group_count, and the scheme that they were quantized with.
template <execution_policy P, class Scheme = void>
struct scaled_weights {
  repacked_weights<P, typename detail::element_of_scheme<Scheme>::type> codes;
  matrix_view<typename Scheme::template scale_type<float> const, typename P::memory_space> scales;
  Scheme scheme{};

  /// The weights' scheme, next to activations of another.
  template <class Activations>
  [[nodiscard]] constexpr Scheme const& scheme_beside(Activations const& /*activations*/) const {
    return scheme;
  }
};

/// INT4 weights in the groups of the activations that they are multiplied with.
template <execution_policy P>
struct scaled_weights<P, void> {
  repacked_weights<P> codes;
  matrix_view<float const, typename P::memory_space> scales;

  template <class Activations>
  [[nodiscard]] constexpr int4_scheme scheme_beside(Activations const& activations) const {
    return {true, activations.group};
  }
};

/// What hooks see of activations: zero points only if there are any.
template <class Format, class Space = host_space>
struct product_activations {
  Format format;
  matrix_view<std::uint8_t const, Space> codes;
  matrix_view<typename Format::stored_scale const, Space> scales;
  matrix_view<std::int8_t const, Space> zero_points;
};

/// What hooks see of weights.
template <execution_policy P, class Format>
struct product_weights {
  Format format;
  repacked_weights<P, typename Format::element> codes;
  matrix_view<typename Format::stored_scale const, typename P::memory_space> scales;
};

/// True if policy P multiplies the codes of two elements.
template <class P, class X, class W, class Space = typename P::memory_space>
concept can_integer_gemm = requires(P const& on, X element, matrix_view<std::uint8_t const, Space> codes,
                                    repacked_weights<P, W> weights, matrix_view<std::int32_t, Space> sums,
                                    std::byte* workspace) {
  integer_gemm_rows(on, element, codes, weights, sums, workspace);
};

/// True if policy P multiplies rows of two formats to an output: matrix_view<T>, or added_output<T>.
template <class P, class X, class W, class Out, class Space = typename P::memory_space>
concept can_multiply = requires(P const& on, product_groups groups, product_activations<X, Space> x,
                                product_weights<P, W> weights, Out out, std::byte* workspace) {
  gemm_rows(on, groups, x, weights, out, workspace);
};

/// True if the header of P's backend is included: every backend multiplies INT4, to float.
template <class P, class Space = typename P::memory_space>
concept can_gemm = can_repack_weights<P> && can_integer_gemm<P, s4, s4> &&
    can_multiply<P, int4_product_format, product_format<s4>, matrix_view<float, Space>> &&
    requires(P const& on, std::size_t count) {
  { gemm_workspace_bytes(on, count, count, count) } -> std::same_as<std::size_t>;
};

namespace detail {

/// Checks what both products share: packed activations of the weights' k channels, the output, the workspace.
template <class Activations, execution_policy P, class Element, class T, class Space>
void check_gemm(P const& on, matrix_view<std::uint8_t const, Space> const& codes,
                repacked_weights<P, Element> const& weights, matrix_view<T, Space> const& out,
                vector_view<std::byte, Space> const& workspace, std::size_t needed) {
  check_repacked<Activations>(on, weights);
  check_shape("packed activations", codes, codes.rows, packed_columns(weights.columns));
  check_shape("output", out, codes.rows, weights.rows);
  expects(workspace.size >= needed, "workspace: ", workspace.size, " bytes, expected ", needed);
}

}  // namespace detail

}  // namespace dfrot
