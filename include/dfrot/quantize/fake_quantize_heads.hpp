#pragma once

#include <cstddef>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/rotate_heads.hpp>

namespace dfrot {

/// A scheme for rows of heads, one after the other: no group crosses heads. A group that a head is too short for, or the
/// whole row, becomes the head.
/// @param head_dim channels of a head
/// Throws: std::invalid_argument if heads are not whole groups.   Example: per_head(int4_asymmetric{}, 128)
template <quantization_scheme Scheme>
[[nodiscard]] Scheme per_head(Scheme scheme, std::size_t head_dim) {
  expects(head_dim > 0, "heads of no channels");
  if constexpr (requires { scheme.group = head_dim; }) {
    if (scheme.group == 0 || scheme.group > head_dim) {
      scheme.group = head_dim;
    }
  }
  expects(scheme.group != 0 && head_dim % scheme.group == 0, "heads of ", head_dim,
          " channels are not whole groups of ", static_cast<std::size_t>(scheme.group),
          ": choose a group that divides them, or 0 for the head");
  return scheme;
}

/// What a key-value cache of few bits does to values, simulated: each head of each token is rounded to its own grid, in place.
/// @param on where to run   @param scheme any; QuaRot's is int4_asymmetric (min-max)
/// @param values (tokens x heads head_dim), of value or key heads, whose number need not be that of query heads
/// Complexity, determinism: as fake_quantize().
/// Throws: std::invalid_argument on shape, as per_head(), or a value that is not finite (naming its row).
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4.
template <execution_policy P, quantization_scheme Scheme, class T, class Space>
void fake_quantize_heads(P const& on, Scheme const& scheme, matrix_view<T, Space> values, std::size_t head_dim) {
  expects(head_dim > 0 && values.columns % head_dim == 0, "rows of ", values.columns, " values are not whole heads of ",
          head_dim);
  fake_quantize(on, per_head(scheme, head_dim), values, values);
}

/// The same for keys after their position embedding: each head is rotated by the Hadamard matrix of its size, then rounded. What
/// is left is rotated: queries take the same rotation (rotate_heads()), so that their products stay.
/// @param hadamard of a head; kept by the caller
template <execution_policy P, quantization_scheme Scheme, class T, class Space>
void fake_quantize_keys(P const& on, Scheme const& scheme, matrix_view<T, Space> keys, hadamard_order const& hadamard) {
  rotate_heads(on, hadamard, keys);
  fake_quantize_heads(on, scheme, keys, hadamard.size());
}

}  // namespace dfrot
