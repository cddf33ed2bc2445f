#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/product_format.hpp>

namespace dfrot {

/// 4-bit weights W (n output x k input channels) of element Element, in the layout that the kernels of policy P read fastest.
/// What the layout is, the backend says; an instruction set may have its own, so the policy is part of the type and
/// weights repacked for another one do not compile. Made by repack_weights(), or by hand from bytes that it once
/// wrote. A view: trivially copyable.
template <execution_policy P, integer_element Element = s4>
struct repacked_weights {
  vector_view<std::uint8_t const, typename P::memory_space> bytes;
  std::size_t rows = 0;     ///< n: output channels
  std::size_t columns = 0;  ///< k: input channels
};

/// True if policy P has kernels for repack_weights().
template <class P, class Element = s4, class Space = typename P::memory_space>
concept can_repack_weights = requires(P const& on, Element element, matrix_view<std::uint8_t const, Space> packed,
                                      std::size_t count, std::uint8_t* bytes) {
  { repacked_weight_bytes(on, count, count) } -> std::same_as<std::size_t>;
  repack_weight_rows(on, element, packed, count, bytes);
};

/// Bytes that n x k weights take when repacked for a policy, whatever their element: n k / 2 and some padding.
/// Complexity: O(1).
template <execution_policy P>
[[nodiscard]] std::size_t repacked_weights_size(P const& on, std::size_t n, std::size_t k) {
  static_assert(can_repack_weights<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  return repacked_weight_bytes(on, n, k);
}

namespace detail {

/// Checks that there is memory for the weights that a view claims to hold, and that their rows can be multiplied with those of
/// a format.
template <class Activations, execution_policy P, class Element>
void check_repacked(P const& on, repacked_weights<P, Element> const& weights) {
  constexpr std::size_t longest = longest_product_row<Activations, product_format<Element>>;
  expects(weights.columns <= longest, "rows of ", weights.columns,
          " codes: products are summed in 32 bits, for at most ", longest, " codes");
  std::size_t const needed = repacked_weights_size(on, weights.rows, weights.columns);
  expects(weights.bytes.size >= needed, "repacked weights: ", weights.bytes.size, " bytes, expected ", needed, " for ",
          weights.rows, " x ", weights.columns, " codes");
}

}  // namespace detail

/// Puts packed weights into the layout of a policy's kernels; to be done once, when a model is loaded.
/// @tparam Element what their codes stand for: an element without zero point; INT4 if it is not named
/// @param on where the products will run   @param packed (n x ceil(k / 2)) codes as quantize() or pack() writes them
/// @param k input channels: codes in a row   @param storage at least repacked_weights_size(on, n, k) bytes, which must
/// outlive the result; on the processor, products are fastest if it starts at a multiple of 64; on a CUDA
/// device it must start at a multiple of 16, as all allocations do
/// Complexity: O(n k), no workspace.   Determinism: bitwise for any thread count.
/// Throws: std::invalid_argument on a shape or too little storage.   Source: arXiv 2404.00456, section 4 (W4A4).
template <integer_element Element = s4, execution_policy P, class Byte, class Space>
repacked_weights<P, Element> repack_weights(P const& on, matrix_view<Byte, Space> packed, std::size_t k,
                                            vector_view<std::uint8_t, Space> storage) {
  check_policy<Space>(on);
  static_assert(can_repack_weights<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  static_assert(!element_with_zero_point<Element>,
                "weights of a product have no zero points: choose a symmetric scheme");
  static_assert(!can_repack_weights<P> || can_repack_weights<P, Element>,
                "this backend multiplies INT4 codes only: it has no kernels for weights of this element");
  check_shape("packed weights", packed, packed.rows, packed_columns(k));
  repacked_weights<P, Element> const weights{storage, packed.rows, k};
  detail::check_repacked<int4_product_format>(on, weights);
  if constexpr (can_repack_weights<P, Element>) {
    repack_weight_rows(on, Element{}, matrix_view<std::uint8_t const, Space>(packed), k, storage.data);
  }
  return weights;
}

}  // namespace dfrot
