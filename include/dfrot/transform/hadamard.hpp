#pragma once

#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot {

/// Multiplies each row by the normalized Hadamard matrix of this order, in place: apply() of the order.
///   x <- x H / sqrt(n),   H = H_K (x) H_{2^m},   n = K 2^m;   apply(on, transposed(order), x) undoes it
/// @param on where to run    @param order n and its matrix    @param x (rows x n), row stride >= n; padding is left
/// alone
/// @param workspace as for apply(): none for float and double, and nothing for one that is allocated where it is needed
/// @pre rows do not overlap    @post row norms are preserved to O(eps log n); NaN and infinity stay within their row
/// Complexity: rows n (m + K) additions (m alone for powers of two); no allocation but that one.
/// Determinism: bitwise for any number of threads.    Throws: std::invalid_argument on shape, before anything is
/// written.
/// Source: Horadam, "Hadamard matrices and their applications", 2007; Fino, Algazi, "Unified matrix treatment of the
/// fast Walsh-Hadamard transform", 1976.    Example: examples/01_hadamard.cpp
template <execution_policy P, storage T, class Space, class... Workspace>
void hadamard(P const& on, hadamard_order const& order, matrix_view<T, Space> x, Workspace const&... workspace) {
  apply(on, order, x, workspace...);
}

}  // namespace dfrot
