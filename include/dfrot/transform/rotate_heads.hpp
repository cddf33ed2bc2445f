#pragma once

#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/block_hadamard.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot {

/// Multiplies each head of each row by the normalized Hadamard matrix of its size, in place: what queries and keys take after their
/// position embedding, so that their products stay.
///   x <- x (I (x) H_d) / sqrt(d),   d = hadamard.size()
/// @param on where to run   @param hadamard of a head; kept by the caller   @param rows (m x heads d)
/// Complexity, determinism: as apply().   Throws: std::invalid_argument on shape.
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4.
template <execution_policy P, class T, class Space>
void rotate_heads(P const& on, hadamard_order const& hadamard, matrix_view<T, Space> rows) {
  apply(on, blocks_of_channels(hadamard, rows.columns), rows);
}

}  // namespace dfrot
