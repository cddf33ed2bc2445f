#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot {

/// True if policy P has a Hadamard transform for a matrix of T: its backend's header is included.
template <class P, class T, class Space>
concept can_hadamard = execution_policy<P> && storage<T> &&
    requires(P const& on, hadamard_order const& order, vector_view<std::int8_t const, Space> signs,
             matrix_view<T, Space> x, vector_view<arithmetic_t<T>, Space> workspace) {
  hadamard_rows(on, order, signs, x, workspace);
  hadamard_transpose_rows(on, order, signs, x, workspace);
};

namespace detail {

/// The values of workspace without which a transform cannot run: on the host, a row for one thread.
template <storage T, execution_policy P>
[[nodiscard]] std::size_t least_hadamard_workspace(P const& on, hadamard_order const& order) {
  if constexpr (requires { hadamard_workspace_values(on, order, std::type_identity<std::remove_cv_t<T>>{}); }) {
    return hadamard_workspace_values(on, order, std::type_identity<std::remove_cv_t<T>>{});
  } else {
    return std::is_same_v<std::remove_cv_t<T>, arithmetic_t<T>> ? 0 : order.size();
  }
}

}  // namespace detail

/// The number of values of arithmetic_t<T> that the transforms take as workspace. A backend may say it by a hook of its own
/// (cuda does); on the host it is none for float and double, which are transformed where they stand, and a row for each thread
/// that can run (max_threads()) for half and bfloat16, whose arithmetic is done in float. There, a smaller workspace of at
/// least one row will do, too: no more threads run than it has rows.
/// Complexity: O(1).
template <storage T, execution_policy P>
[[nodiscard]] std::size_t hadamard_workspace_size(P const& on, hadamard_order const& order) {
  return static_cast<std::size_t>(usable_threads(threads_of(on))) * detail::least_hadamard_workspace<T>(on, order);
}

namespace detail {

/// What every Hadamard transform asks of its workspace.
template <class T, class P>
void expect_hadamard_resources(P const& on, hadamard_order const& order, std::size_t workspace_size) {
  std::size_t const needed = least_hadamard_workspace<T>(on, order);
  expects(workspace_size >= needed, "a Hadamard transform of order ", order.size(), " needs a workspace of ", needed,
          " values, this one has ", workspace_size);
}

/// What hadamard() and hadamard_transpose() ask of their arguments.
template <class P, class T, class Space>
void expect_hadamard_shapes(P const& on, hadamard_order const& order, matrix_view<T, Space> x,
                            std::size_t workspace_size) {
  expects(x.columns == order.size(), "a Hadamard transform of order ", order.size(), " on rows of ", x.columns,
          " values: the two must be equal");
  check_stride("rows", x);
  expect_hadamard_resources<T>(on, order, workspace_size);
}

/// An allocated workspace for one call on the host; empty, and without an allocation, where none is needed.
template <storage T, execution_policy P>
[[nodiscard]] aligned_vector<arithmetic_t<T>> make_hadamard_workspace(P const& on, hadamard_order const& order) {
  return aligned_vector<arithmetic_t<T>>(hadamard_workspace_size<T>(on, order));
}

}  // namespace detail

/// Multiplies each row by the normalized Hadamard matrix of this order, in place.
///   x <- x H / sqrt(n),   H = H_K (x) H_{2^m},   n = K 2^m
/// @param on where to run    @param order n and its matrix    @param x (rows x n), row stride >= n; padding is left
/// alone
/// @param workspace hadamard_workspace_size<T>(on, order) values, none for float and double; contents are lost
/// @pre rows do not overlap    @post row norms are preserved to O(eps log n); NaN and infinity stay within their row
/// Complexity: rows n (m + K) additions (m alone for powers of two), no allocation.
/// Determinism: bitwise for any number of threads.    Throws: std::invalid_argument on shape, before anything is
/// written.
/// Source: Horadam, "Hadamard matrices and their applications", 2007; Fino, Algazi, "Unified matrix treatment of the
/// fast Walsh-Hadamard transform", 1976.    Example: examples/01_hadamard.cpp
template <execution_policy P, storage T, class Space>
void hadamard(P const& on, hadamard_order const& order, matrix_view<T, Space> x,
              vector_view<arithmetic_t<T>, Space> workspace) {
  check_policy<Space>(on);
  static_assert(can_hadamard<P, T, Space>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  detail::expect_hadamard_shapes(on, order, x, workspace.size);
  hadamard_rows(on, order, vector_view<std::int8_t const, Space>{}, x, workspace);
}

/// The same with a workspace that this call allocates (for half and bfloat16 only: float and double allocate nothing).
/// On the host only. Errors: std::bad_alloc.
template <execution_policy P, storage T, class Space>
void hadamard(P const& on, hadamard_order const& order, matrix_view<T, Space> x) {
  check_policy<Space>(on);
  static_assert(std::is_same_v<Space, host_space>, "give a workspace: only the host's is allocated here");
  auto workspace = detail::make_hadamard_workspace<T>(on, order);
  hadamard(on, order, x, vector_view<arithmetic_t<T>>(workspace.data(), workspace.size()));
}

/// Multiplies each row by the transpose of the normalized Hadamard matrix, in place: undoes hadamard().
///   x <- x H^T / sqrt(n)
/// The same as hadamard() where H is symmetric (powers of two, Paley II), another matrix elsewhere.
/// Parameters, contract, complexity and determinism are those of hadamard().
template <execution_policy P, storage T, class Space>
void hadamard_transpose(P const& on, hadamard_order const& order, matrix_view<T, Space> x,
                        vector_view<arithmetic_t<T>, Space> workspace) {
  check_policy<Space>(on);
  static_assert(can_hadamard<P, T, Space>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  detail::expect_hadamard_shapes(on, order, x, workspace.size);
  hadamard_transpose_rows(on, order, vector_view<std::int8_t const, Space>{}, x, workspace);
}

/// The same with a workspace that this call allocates (for half and bfloat16 only: float and double allocate nothing).
/// On the host only. Errors: std::bad_alloc.
template <execution_policy P, storage T, class Space>
void hadamard_transpose(P const& on, hadamard_order const& order, matrix_view<T, Space> x) {
  check_policy<Space>(on);
  static_assert(std::is_same_v<Space, host_space>, "give a workspace: only the host's is allocated here");
  auto workspace = detail::make_hadamard_workspace<T>(on, order);
  hadamard_transpose(on, order, x, vector_view<arithmetic_t<T>>(workspace.data(), workspace.size()));
}

}  // namespace dfrot
