#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

/// Rows and the transform that they go through on their way to codes, values or errors: a source of the hook quantize_rows().
/// A transformed row stays in the caches: it is never written to memory, and x is not changed. A view; trivially copyable.
template <class T, transform_view V, class Space = host_space>
struct transformed_rows {
  using value_type = T;
  using memory_space = Space;

  matrix_view<T const, Space> x;
  V transform;
  vector_view<arithmetic_t<T>, Space> workspace;  // transformed_rows_workspace_size(on, transform) values
};

/// True if policy P quantizes rows of T that a transform R changes to a sink.
template <class P, class R, class Scheme, class T, class Sink, class Space = typename P::memory_space>
concept can_quantize_transformed = transform<R> && quantization_scheme<Scheme> && storage<T> &&
    requires(P const& on, kernel_scheme_t<Scheme> const& scheme,
             transformed_rows<std::remove_const_t<T>, view_of_t<R>, Space> const& x, Sink const& out) {
  { quantize_rows(on, scheme, x, out) } -> std::same_as<std::size_t>;
};

namespace detail {

/// The values of workspace without which transformed rows cannot be quantized: on the host, a row, and what the transform asks
/// for beside it, for one thread.
template <execution_policy P, transform_view V>
[[nodiscard]] std::size_t least_transformed_workspace(P const& on, V const& view) {
  if constexpr (requires { transformed_rows_workspace_values(on, view); }) {
    return transformed_rows_workspace_values(on, view);
  } else {
    static_assert(
        std::is_same_v<typename P::memory_space, host_space>,
        "this backend knows no such transform, or its data is in another memory: give to<Space>(on, transform)");
    return view.size() + scratch_size(view);
  }
}

/// Says what is missing where transformed rows cannot be compiled.
template <class T, class Space, class R, execution_policy P, class Scheme, class Sink>
constexpr void check_transformed(P const& on, Scheme const& scheme, Sink const& out) {
  check_policy<Space>(on);
  static_assert(quantization_scheme<Scheme>,
                "this scheme lacks a part of the concept quantization_scheme: see dfrot/quantize/scheme.hpp");
  static_assert(transform<R>,
                "this transform lacks a part of the concept transform_view, or an owner its view(): see "
                "dfrot/transform/transform.hpp");
  static_assert(quantizing_backend<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  if constexpr (transform<R> && quantization_scheme<Scheme> && quantizing_backend<P>) {
    using there = typename view_of_t<R>::memory_space;
    constexpr bool same_memory = std::is_same_v<there, any_space> || std::is_same_v<there, Space>;
    static_assert(same_memory,
                  "this transform's data is in another memory than the rows: give to<Space>(on, transform)");
    if constexpr (same_memory) {
      static_assert(
          can_quantize_transformed<P, R, Scheme, T, Sink>,
          "this backend has no kernel for this transform, scheme, type of rows and output in one step: on the "
          "host, a transform needs transform_row(on, view, row, scratch) for each part, see "
          "docs/writing-a-transform.md; elsewhere, apply() first, then quantize()");
    }
  }
  static_cast<void>(scheme);
  static_cast<void>(out);
}

/// Checks sizes and the workspace.
template <class P, class T, class V, class Space>
void expect_transformed_shapes(P const& on, transformed_rows<T, V, Space> const& rows) {
  expects(rows.x.columns == rows.transform.size(), "a transform of ", rows.transform.size(), " channels on rows of ",
          rows.x.columns, " values: the two must be equal");
  check_stride("activations", rows.x);
  std::size_t const needed = least_transformed_workspace(on, rows.transform);
  expects(rows.workspace.size >= needed, "quantizing rows under a transform of ", rows.transform.size(),
          " channels needs a workspace of ", needed, " values, this one has ", rows.workspace.size);
}

/// Turns the row that a hook found into an error: what the row or its transform holds is not finite.
/// @param name name(row): what the caller calls it
template <class T, class Space, class Name>
DFROT_PER_ISA void reject_transformed(matrix_view<T const, Space> const& x, std::size_t bad_row, Name const& name) {
  reject_non_finite(x, bad_row);
  reject_overflow(bad_row, name);
}
template <class T, class Space>
DFROT_PER_ISA void reject_transformed(matrix_view<T const, Space> const& x, std::size_t bad_row) {
  reject_transformed(x, bad_row, [](std::size_t row) { return message("row ", row); });
}

}  // namespace detail

/// Values of arithmetic_t<T> that transformed rows take as workspace: on the host a row, and what the transform asks for, for
/// each thread that can run (max_threads()), of which those for one are enough, see apply_workspace_size(); on a device none
/// for most orders. Complexity: O(1).
template <execution_policy P, transform R>
[[nodiscard]] std::size_t transformed_rows_workspace_size(P const& on, R const& transform) {
  return static_cast<std::size_t>(usable_threads(threads_of(on))) *
         detail::least_transformed_workspace(on, view_of(transform));
}

/// Rows and a transform as a source. @pre an owner of the transform outlives it
template <class T, class Space, transform R>
[[nodiscard]] DFROT_PER_ISA transformed_rows<std::remove_const_t<T>, view_of_t<R>, Space> make_transformed_rows(
    matrix_view<T, Space> x, R const& transform, std::type_identity_t<vector_view<arithmetic_t<T>, Space>> workspace) {
  return {x, view_of(transform), workspace};
}

}  // namespace dfrot
