#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

/// True if policy P can apply the transform R to rows of T.
template <class P, class R, class T, class Space = typename P::memory_space>
concept can_apply = transform<R> && storage<T> &&
    requires(P const& on, view_of_t<R> const& view, matrix_view<T, Space> x,
             vector_view<arithmetic_t<T>, Space> workspace) {
  transform_rows(on, view, x, workspace);
};

namespace detail {

/// Transforms without a view that do all by themselves: dense_rotation.
template <class R, class P, class T, class Space>
concept applies_itself = !transform<R> && requires(R const& r, P const& on, matrix_view<T, Space> x) {
  r.apply(on, x);
};

/// Checks a policy and a transform, and says what is missing where a call cannot be compiled.
template <class T, class Space, class R, execution_policy P>
constexpr void check_transform(P const& on) {
  check_policy<Space>(on);
  static_assert(!std::is_const_v<T>,
                "a transform changes rows in place: give a view of values that are not const, such as a copy");
  static_assert(transform<R>,
                "this transform lacks a part of the concept transform_view, or an owner its view(): see "
                "dfrot/transform/transform.hpp");
  static_assert(can_apply<P, hadamard_order, float>,
                "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  if constexpr (transform<R> && can_apply<P, hadamard_order, float>) {
    using there = typename view_of_t<R>::memory_space;
    static_assert(std::is_same_v<there, any_space> || std::is_same_v<there, Space>,
                  "this transform's data is in another memory than the rows: give to<Space>(on, transform)");
    if constexpr (std::is_same_v<there, any_space> || std::is_same_v<there, Space>) {
      static_assert(
          can_apply<P, R, std::remove_const_t<T>>,
          "this backend cannot apply this transform to rows of this type: on the host, it asks for a function "
          "transform_row(on, view, row, scratch) for each part, see docs/writing-a-transform.md");
    }
  }
}

/// The values of workspace without which a transform cannot run: on the host, what one thread needs, which is a row for rows
/// that are not of their arithmetic type, and what the transform asks for beside it.
template <storage T, execution_policy P, transform_view V>
[[nodiscard]] std::size_t least_apply_workspace(P const& on, V const& view) {
  using Value = std::remove_const_t<T>;
  if constexpr (requires { transform_workspace_values(on, view, std::type_identity<Value>{}); }) {
    return transform_workspace_values(on, view, std::type_identity<Value>{});
  } else {
    static_assert(
        std::is_same_v<typename P::memory_space, host_space>,
        "this backend knows no such transform, or its data is in another memory: give to<Space>(on, transform)");
    return (std::is_same_v<Value, arithmetic_t<T>> ? 0 : view.size()) + scratch_size(view);
  }
}

}  // namespace detail

/// The number of values of arithmetic_t<T> that apply() takes as workspace. A backend may say it by a hook of its own (cuda does);
/// on the host it is what a thread needs, for each thread that can run (max_threads()): a row for half and bfloat16, whose
/// arithmetic is done in float, and what the transform's parts copy. None for Hadamard transforms of float and double. A
/// smaller workspace will do, too, if it is enough for one thread: no more threads run than it has room for.
/// Complexity: O(1).
template <storage T, execution_policy P, transform R>
[[nodiscard]] std::size_t apply_workspace_size(P const& on, R const& transform) {
  return static_cast<std::size_t>(usable_threads(threads_of(on))) *
         detail::least_apply_workspace<T>(on, view_of(transform));
}

namespace detail {

/// apply() with a view.
template <class P, class V, class T, class Space>
void apply_view(P const& on, V const& view, matrix_view<T, Space> x, vector_view<arithmetic_t<T>, Space> workspace) {
  expects(x.columns == view.size(), "a transform of ", view.size(), " channels on rows of ", x.columns,
          " values: the two must be equal");
  check_stride("rows", x);
  std::size_t const needed = least_apply_workspace<T>(on, view);
  expects(workspace.size >= needed, "a transform of ", view.size(), " channels needs a workspace of ", needed,
          " values, this one has ", workspace.size);
  transform_rows(on, view, x, needed == 0 ? vector_view<arithmetic_t<T>, Space>{} : workspace);
}

/// The same with a workspace that is allocated; empty, and without an allocation, where none is needed.
template <class P, class V, class T, class Space>
void apply_view(P const& on, V const& view, matrix_view<T, Space> x) {
  static_assert(std::is_same_v<Space, host_space>, "give a workspace: only the host's is allocated here");
  aligned_vector<arithmetic_t<T>> workspace(apply_workspace_size<T>(on, view));
  apply_view(on, view, x, vector_view<arithmetic_t<T>>(workspace.data(), workspace.size()));
}

}  // namespace detail

/// Multiplies each row by the matrix of a transform, in place.
///   x <- x T,   for a rotation x <- x R;   x <- x R^t by transposed(R)
/// @param on where to run    @param transform an owner such as randomized_hadamard, or a view, such as a chain
/// @param x (rows x n), row stride >= n; padding is left alone
/// @param workspace apply_workspace_size<T>(on, transform) values, contents are lost
/// @pre rows do not overlap    @post NaN and infinity stay within their row
/// Half and bfloat16 are computed in float and rounded once at the end, however many parts a chain has.
/// Complexity: that of the parts, no allocation.    Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, before anything is written.    Example: examples/01_hadamard.cpp
template <execution_policy P, class R, storage T, class Space>
void apply(P const& on, R const& transform, matrix_view<T, Space> x,
           std::type_identity_t<vector_view<arithmetic_t<T>, Space>> workspace) {
  detail::check_transform<T, Space, R>(on);
  detail::apply_view(on, view_of(transform), x, workspace);
}

/// The same with a workspace that this call allocates, if any is needed (none is for Hadamard transforms, signs and scales of
/// float and double). On the host only; also for a dense_rotation, which allocates its own. Errors: std::bad_alloc.
template <execution_policy P, class R, storage T, class Space>
void apply(P const& on, R const& transform, matrix_view<T, Space> x) {
  if constexpr (detail::applies_itself<R, P, T, Space>) {
    transform.apply(on, x);
  } else {
    detail::check_transform<T, Space, R>(on);
    detail::apply_view(on, view_of(transform), x);
  }
}

/// Multiplies each row of a weight (outputs x channels) by the inverse transpose of a transform, in place.
///   w <- w T^-t,   so that   apply(X) apply_to_weight(W)^T = X W^T
/// The same as apply() for rotations. Contract as there.
template <execution_policy P, class R, storage T, class Space>
void apply_to_weight(P const& on, R const& transform, matrix_view<T, Space> w,
                     std::type_identity_t<vector_view<arithmetic_t<T>, Space>> workspace) {
  detail::check_transform<T, Space, R>(on);
  detail::apply_view(on, inverse_transposed(transform), w, workspace);
}

/// The same with a workspace that this call allocates. Contract as apply() without one.
template <execution_policy P, class R, storage T, class Space>
void apply_to_weight(P const& on, R const& transform, matrix_view<T, Space> w) {
  if constexpr (detail::applies_itself<R, P, T, Space>) {
    static_assert(rotation<R>, "weights take the inverse transpose of a transform, which this one does not tell");
    transform.apply(on, w);
  } else {
    detail::check_transform<T, Space, R>(on);
    detail::apply_view(on, inverse_transposed(transform), w);
  }
}

/// Writes the matrix of a transform: what apply() makes of the identity, computed in double and rounded once.
/// @param on where to run (host)    @param result (n x n)    Complexity: n rows of apply(); n x n doubles, allocated.
/// Throws: std::invalid_argument on shape; std::bad_alloc.
template <execution_policy P, class R, storage T>
void to_dense(P const& on, R const& transform, matrix_view<T> result) {
  std::size_t const n = transform.size();
  check_shape("the dense matrix", result, n, n);
  matrix<double> exact(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    exact(i, i) = 1;
  }
  apply(on, transform, exact.view());
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      result(i, j) = store<T>(static_cast<arithmetic_t<T>>(exact(i, j)));
    }
  }
}

}  // namespace dfrot
