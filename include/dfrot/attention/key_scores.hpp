#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/attention/kv_cache.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Multiplies queries with the keys of one head, on the codes: scores of an attention, before their softmax.
///   score(i, t) = factor s_i sum over groups g of scale(t, g) sum over j in g of (code(t, j) - zero(t, g)) round(q(i, j) / s_i),
///   s_i = max|q_i| / 127: queries become INT8, sums of products are exact
/// Error: at most factor s_i / 2 sum_j |k(t, j)| against the same product with the query as it is, where k is what the codes stand for;
/// rounding of float beside it, of as many operations as there are groups.
/// @param on where to run: on the calling thread, so that heads may be shared out among threads   @param head of keys, from 0
/// @param queries (m x head_dim) of all heads of queries that read it, in float, half or bfloat16; in the keys' rotation, if they have
/// one (rotate_heads())   @param scores (m x cache.size()), oldest token first   @param factor such as 1 / sqrt(head_dim)
/// Complexity: m size head_dim operations; the codes are read once for every 8 queries (4 with AVX2, 1 portable). No allocation.
/// Determinism: bitwise for one instruction set; sums of groups are rounded to float in their order.
/// Throws: std::invalid_argument on shape, for a head that is not there, or a query that is not finite (naming its row; its scores are
/// not written).   Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4.   Example: examples/07_kv_cache.cpp
template <execution_policy P, kv_scheme K, kv_scheme V, storage T>
requires std::is_same_v < arithmetic_t<T>,
float > void key_scores(P const& on, kv_cache<P, K, V> const& cache, std::size_t head, matrix_view<T> queries,
                        matrix_view<float> scores, float factor = 1) {
  check_policy<host_space>(on);
  expects(head < cache.kv_heads(), "head ", head, " of a cache of ", cache.kv_heads(), ", counted from 0");
  check_shape("queries", queries, queries.rows, cache.head_dim());
  check_shape("scores", scores, queries.rows, cache.size());
  matrix_view<std::remove_const_t<T> const> const read = queries;
  reject_non_finite(read, score_keys(on, cache.keys_of(head), cache.ring(), read, scores, factor));
}

}  // namespace dfrot
