#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/attention/kv_cache.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Adds up the values of one head, each times its token's weight, on the codes: what an attention puts out.
///   out(i, j) = sum_t w(i, t) scale(t, g) (code(t, j) - zero(t, g)),   g the group of channel j
/// Kernels make integers of 15 bits of the products of weights and scales, for every 256 slots and group: a = w scale is about u n, u the
/// largest |a| / 16256, at least 2^-126. They multiply both bytes of n; sums over the slots are exact. The `reference` backend leaves a
/// as it is.
/// Error: at most (1/2 + 2^-8) sum_t u |code(t, j) - zero(t, g)|, with the u of t's slots; rounding of float beside it, of as many
/// operations as there are 256 slots.
/// @param on where to run: on the calling thread, so that heads may be shared out among threads   @param head of values, from 0
/// @param weights (m x cache.size()), oldest token first: probabilities as a rule, such as clipped_softmax() makes; any finite ones
/// @param out (m x head_dim)
/// Complexity: m size head_dim operations; the codes are read once for every 4 rows of weights (2 with AVX2, 1 portable). No allocation.
/// Determinism: bitwise for one instruction set, and one history of a ring.
/// Throws: std::invalid_argument on shape, for a head that is not there, or a weight that is not finite (naming its row; its output is
/// not written).   Example: examples/07_kv_cache.cpp
template <execution_policy P, kv_scheme K, kv_scheme V, class Weight>
requires std::is_same_v<Weight const, float const>
void weighted_values(P const& on, kv_cache<P, K, V> const& cache, std::size_t head, matrix_view<Weight> weights,
                     matrix_view<float> out) {
  check_policy<host_space>(on);
  expects(head < cache.kv_heads(), "head ", head, " of a cache of ", cache.kv_heads(), ", counted from 0");
  check_shape("weights", weights, weights.rows, cache.size());
  check_shape("output", out, weights.rows, cache.head_dim());
  matrix_view<float const> const read = weights;
  reject_non_finite(read, weigh_values(on, cache.values_of(head), cache.ring(), read, out));
}

}  // namespace dfrot
