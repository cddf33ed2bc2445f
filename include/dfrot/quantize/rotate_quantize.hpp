#pragma once

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
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

namespace detail {

/// The Hadamard order of a rotation, which may be the order itself.
template <class Rotation>
[[nodiscard]] auto const& order_of(Rotation const& rotation) {
  if constexpr (requires { rotation.order(); }) {
    return rotation.order();
  } else {
    return rotation;
  }
}

/// The signs that a rotation begins with, which are in host memory; none for an order.
template <class Space, class Rotation>
[[nodiscard]] vector_view<std::int8_t const, Space> signs_of(Rotation const& rotation) {
  if constexpr (requires { rotation.signs(); }) {
    static_assert(std::is_same_v<Space, host_space>,
                  "give a copy of the rotation's signs in that memory, after the rotation");
    return rotation.signs();
  } else {
    return {};
  }
}

/// True for rotations that turn a few directions before the Hadamard: short_rotation.
template <class Rotation>
concept has_low_rank_part = requires(Rotation const& rotation) {
  rotation.low_rank_part();
  rotation.hadamard_part();
};

/// Calls the hook with the parts of a rotation. Returns what the hook returns.
template <class P, class Rotation, class Scheme, class T, class Out, class Workspace>
[[nodiscard]] std::size_t rotate_quantize_parts(P const& on, Rotation const& rotation, Scheme const& scheme, T x,
                                                Out const& out, Workspace workspace) {
  if constexpr (has_low_rank_part<Rotation>) {
    auto const g = rotation.low_rank_part().template view<typename Workspace::value_type>();
    return rotate_quantize_rows(on, g, rotation.order(), rotation.hadamard_part().signs(), scheme, x, out, workspace);
  } else {
    auto const signs = signs_of<typename Workspace::memory_space>(rotation);
    return rotate_quantize_rows(on, order_of(rotation), signs, scheme, x, out, workspace);
  }
}

template <class Rotation>
using order_type = std::remove_cvref_t<decltype(order_of(std::declval<Rotation const&>()))>;

}  // namespace detail

/// True if policy P has a kernel for rotate_quantize() of rows of T.
template <class P, class Order, class Scheme, class T, class Space = typename P::memory_space>
concept can_rotate_quantize = quantization_scheme<Scheme> && storage<T> &&
    requires(P const& on, Order const& order, vector_view<std::int8_t const, Space> signs,
             kernel_scheme_t<Scheme> const& scheme, matrix_view<T const, Space> x,
             quantized_rows<std::uint8_t, typename Scheme::template scale_type<arithmetic_t<T>>, Space> out,
             vector_view<arithmetic_t<T>, Space> workspace) {
  { rotate_quantize_rows(on, order, signs, scheme, x, out, workspace) } -> std::same_as<std::size_t>;
};

namespace detail {

/// The values of workspace without which rotate_quantize() cannot run: on the host, a row for one thread.
template <execution_policy P, class Rotation>
[[nodiscard]] std::size_t least_rotate_quantize_workspace(P const& on, Rotation const& rotation) {
  if constexpr (requires { rotate_quantize_workspace_values(on, order_of(rotation)); }) {
    return rotate_quantize_workspace_values(on, order_of(rotation));
  } else {
    return rotation.size();
  }
}

}  // namespace detail

/// Values of arithmetic_t<T> that rotate_quantize() takes as workspace: on the host a row for each thread that can run
/// (max_threads()), of which one is enough, see hadamard_workspace_size(); on a device none for most orders. Complexity: O(1).
template <execution_policy P, class Rotation>
[[nodiscard]] std::size_t rotate_quantize_workspace_size(P const& on, Rotation const& rotation) {
  return static_cast<std::size_t>(usable_threads(threads_of(on))) *
         detail::least_rotate_quantize_workspace(on, rotation);
}

namespace detail {

/// Checks the arguments of rotate_quantize().
template <execution_policy P, class Rotation, class Scheme = int4_scheme, class T, class Byte, class Scale, class Space>
void check_rotate_quantize(P const& on, Rotation const& rotation, Scheme const& scheme, matrix_view<T, Space> x,
                           quantized_rows<Byte, Scale, Space> const& out, std::size_t workspace_size) {
  check_policy<Space>(on);
  static_assert(quantization_scheme<Scheme>,
                "this scheme lacks a part of the concept quantization_scheme: see dfrot/quantize/scheme.hpp");
  static_assert(can_rotate_quantize<P, hadamard_order, int4_scheme, float>,
                "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  static_assert(
      !can_rotate_quantize<P, hadamard_order, int4_scheme, float> ||
          can_rotate_quantize<P, order_type<Rotation>, Scheme, std::remove_const_t<T>>,
      "this backend cannot rotate and quantize rows of this type by this rotation to this scheme in one step");
  if constexpr (quantization_scheme<Scheme> && storage<T>) {
    static_assert(std::is_same_v<Scale, typename Scheme::template scale_type<arithmetic_t<T>>>,
                  "these scales are not of the scheme's scale_type");
  }
  expects(x.columns == rotation.size(), "a rotation of order ", rotation.size(), " on rows of ", x.columns,
          " values: the two must be equal");
  check_stride("activations", x);
  check_quantized(scheme, out, x.rows, x.columns);
  std::size_t const needed = least_rotate_quantize_workspace(on, rotation);
  expects(workspace_size >= needed, "rotate_quantize of order ", rotation.size(), " needs a workspace of ", needed,
          " values, this one has ", workspace_size);
}

/// Turns the row that a hook found into an error: what the row or its rotation holds is not finite.
template <class T, class Space>
DFROT_PER_ISA void reject_rotation(matrix_view<T const, Space> const& x, std::size_t bad_row) {
  reject_non_finite(x, bad_row);
  reject_overflow(bad_row, [](std::size_t row) { return message("row ", row); });
}

}  // namespace detail

/// Rotates each row and quantizes the result to packed 4-bit codes: what an engine does to the input of a layer, online.
///   out = pack(quantize(x R)),   R = diag(s) H_n / sqrt(n)
/// A rotated row stays in the caches: it is never written to memory, and x is not changed. The same bytes as apply() and
/// quantize(), one after the other, under the same policy.
/// @param on where to run   @param rotation a randomized_hadamard, a short_rotation, or a hadamard_order (no signs)
/// @param scheme as for quantize()   @param x (m x n) float, double, half or bfloat16
/// @param out packed codes (m x ceil(n / 2)), scales and zero points (m x groups); half and bfloat16 have float scales,
/// and are rotated and rounded in float: there is no rounding to their own type in between
/// @param workspace rotate_quantize_workspace_size(on, rotation) values; contents are lost. Faster from the
/// start of a cache line (aligned_vector)
/// Complexity: that of hadamard() plus O(m n), no allocation.   Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on a shape, a clip, a non-finite value, or a row too large for its rotation to be finite
/// (naming the row; its codes are not written, other rows' may be). A device is not waited for: there, such a row gets scales
/// of NaN and codes of 0, see cuda::reject_non_finite().
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (online Hadamard transforms).
template <execution_policy P, class Rotation, class Scheme = int4_scheme, class T, class Byte, class Scale, class Space>
void rotate_quantize(P const& on, Rotation const& rotation, Scheme const& scheme, matrix_view<T, Space> x,
                     quantized_rows<Byte, Scale, Space> const& out, vector_view<arithmetic_t<T>, Space> workspace) {
  detail::check_rotate_quantize(on, rotation, scheme, x, out, workspace.size);
  matrix_view<std::remove_const_t<T> const, Space> const read = x;
  detail::reject_rotation(
      read, detail::rotate_quantize_parts(on, rotation, detail::kernel_scheme(scheme), read, out, workspace));
}

/// The same for rows in the memory of any policy, which does not hold the signs of the rotation.
/// @param signs_there a copy of rotation.signs() in that memory
template <execution_policy P, class Rotation, class Scheme = int4_scheme, class T, class Byte, class Scale, class Space>
void rotate_quantize(P const& on, Rotation const& rotation, vector_view<std::int8_t const, Space> signs_there,
                     Scheme const& scheme, matrix_view<T, Space> x, quantized_rows<Byte, Scale, Space> const& out,
                     vector_view<arithmetic_t<T>, Space> workspace) {
  static_assert(!detail::has_low_rank_part<Rotation>, "a short rotation has more than signs");
  detail::check_rotate_quantize(on, rotation, scheme, x, out, workspace.size);
  expects(signs_there.size == rotation.size(), "a rotation of ", rotation.size(), " channels with ", signs_there.size,
          " signs");
  matrix_view<std::remove_const_t<T> const, Space> const read = x;
  detail::reject_rotation(read, rotate_quantize_rows(on, detail::order_of(rotation), signs_there,
                                                     detail::kernel_scheme(scheme), read, out, workspace));
}

/// The same with a workspace that this call allocates, on the host only. Errors: std::bad_alloc.
template <execution_policy P, class Rotation, class Scheme = int4_scheme, class T, class Byte, class Scale, class Space>
void rotate_quantize(P const& on, Rotation const& rotation, Scheme const& scheme, matrix_view<T, Space> x,
                     quantized_rows<Byte, Scale, Space> const& out) {
  check_policy<Space>(on);
  static_assert(std::is_same_v<Space, host_space>, "give a workspace: only the host's is allocated here");
  aligned_vector<arithmetic_t<T>> workspace(rotate_quantize_workspace_size(on, rotation));
  rotate_quantize(on, rotation, scheme, x, out, vector_view<arithmetic_t<T>>(workspace.data(), workspace.size()));
}

}  // namespace dfrot
