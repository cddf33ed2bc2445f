#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// The memory space of a transform without data of its own: it runs under every policy.
struct any_space {};

/// An invertible linear map of channels, x <- x T, as kernels see it: what it owns is somebody else's.
///   memory_space            where its data is, or any_space
///   orthogonal              constexpr bool: T T^t = I for certain
///   size()                  n, the channels
///   transposed()            the view of T^t
///   inverse_transposed()    the view of T^-t: what weights take; only for views that are not orthogonal
///   scratch_size()          values that transform_row() needs beside the row; none where it is missing
/// A backend on the host applies it by transform_row(on, view, Real* row, Real* scratch), in place, Real being float or double;
/// argument-dependent lookup finds that in the backend's namespace, or in the transform's own (docs/writing-a-transform.md).
template <class V>
concept transform_view = std::is_trivially_copyable_v<V> && requires(V const& v) {
  typename V::memory_space;
  { V::orthogonal } -> std::convertible_to<bool>;
  { v.size() } -> std::convertible_to<std::size_t>;
  v.transposed();
} &&(V::orthogonal || requires(V const& v) { v.inverse_transposed(); });

/// The view of a transform: of an owner by its view(), of a view itself. @pre the owner outlives it
template <class R>
[[nodiscard]] DFROT_PER_ISA constexpr auto view_of(R const& transform) {
  if constexpr (transform_view<R>) {
    return transform;
  } else {
    return transform.view();
  }
}

/// What the doors take: a transform_view, or an owner whose view() is one.
template <class R>
concept transform = transform_view<R> || requires(R const& owner) {
  { owner.view() } -> transform_view;
};

template <transform R>
using view_of_t = decltype(view_of(std::declval<R const&>()));

/// A transform that keeps norms and angles: its inverse is its transpose. (A dense_rotation is one, too, without a view.)
template <class R>
concept rotation = requires {
  requires R::orthogonal;
}
|| requires { requires view_of_t<R>::orthogonal; };

/// T^t of a transform, as a view: undoes a rotation. @pre an owner outlives it    Complexity: O(1).
template <transform R>
[[nodiscard]] DFROT_PER_ISA constexpr auto transposed(R const& transform) {
  return view_of(transform).transposed();
}

/// T^-t of a transform, as a view: what weights take, so that products stay what they are. A rotation is its own.
/// @pre an owner outlives it    Complexity: O(1).
template <transform R>
[[nodiscard]] DFROT_PER_ISA constexpr auto inverse_transposed(R const& transform) {
  if constexpr (view_of_t<R>::orthogonal) {
    return view_of(transform);
  } else {
    return view_of(transform).inverse_transposed();
  }
}

/// True if a function transform_row() applies a view to a row of Real where policy P runs.
template <class P, class V, class Real>
concept has_transform_row = transform_view<V> && requires(P const& on, V const& view, Real* row, Real* scratch) {
  transform_row(on, view, row, scratch);
};

/// True if each of several views has a transform_row() for Real.
template <class Real, class P, class... Views>
concept applies_parts = (has_transform_row<P, Views, Real> && ...);

/// The values that a transform needs beside a row, see transform_view.
template <transform_view V>
[[nodiscard]] DFROT_PER_ISA constexpr std::size_t scratch_size(V const& view) {
  if constexpr (requires { view.scratch_size(); }) {
    return view.scratch_size();
  } else {
    return 0;
  }
}

/// One transform after another: x <- ((x First) Rest…). A view of views, trivially copyable; of owners by chain_of().
/// @pre all parts are in one memory space
/// Throws: std::invalid_argument if their sizes differ.
template <transform_view First, transform_view... Rest>
struct chain {
  using rest_type = chain<Rest...>;
  using memory_space = std::conditional_t<std::is_same_v<typename First::memory_space, any_space>,
                                          typename rest_type::memory_space, typename First::memory_space>;
  static constexpr bool orthogonal = First::orthogonal && rest_type::orthogonal;
  static_assert(std::is_same_v<typename rest_type::memory_space, any_space> ||
                    std::is_same_v<typename rest_type::memory_space, memory_space>,
                "the parts of a chain are in different memories: copy them to one with to<Space>(on, transform)");

  First first;
  rest_type rest;

  DFROT_PER_ISA constexpr explicit chain(First const& one, Rest const&... others) : first(one), rest(others...) {
    expects(first.size() == rest.size(), "a chain of transforms of ", first.size(), " and ", rest.size(),
            " channels: the two must be equal");
  }

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return first.size(); }
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t scratch_size() const {
    std::size_t const own = dfrot::scratch_size(first);
    return own < rest.scratch_size() ? rest.scratch_size() : own;
  }
  /// Calls use(part…) with all parts in their order. Returns what it returns. (Not marked DFROT_PER_ISA, which nvcc warns of here:
  /// the functions that call it are, and with them their lambdas.)
  template <class Use>
  constexpr auto unpack(Use const& use) const {
    return rest.unpack([&](auto const&... parts) { return use(first, parts...); });
  }
  [[nodiscard]] DFROT_PER_ISA constexpr auto transposed() const {
    auto const last = first.transposed();
    return rest.transposed().unpack([&](auto const&... parts) {
      return chain<std::decay_t<decltype(parts)>..., std::decay_t<decltype(last)>>(parts..., last);
    });
  }
  [[nodiscard]] DFROT_PER_ISA constexpr auto inverse_transposed() const {
    return unpack([](auto const&... parts) {
      return chain<std::decay_t<decltype(dfrot::inverse_transposed(parts))>...>(dfrot::inverse_transposed(parts)...);
    });
  }
};

template <transform_view First>
struct chain<First> {
  using memory_space = typename First::memory_space;
  static constexpr bool orthogonal = First::orthogonal;

  First first;

  DFROT_PER_ISA constexpr explicit chain(First const& one) : first(one) {}

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return first.size(); }
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t scratch_size() const { return dfrot::scratch_size(first); }
  template <class Use>
  constexpr auto unpack(Use const& use) const {
    return use(first);
  }
  [[nodiscard]] DFROT_PER_ISA constexpr auto transposed() const {
    return chain<decltype(first.transposed())>(first.transposed());
  }
  [[nodiscard]] DFROT_PER_ISA constexpr auto inverse_transposed() const {
    return chain<decltype(dfrot::inverse_transposed(first))>(dfrot::inverse_transposed(first));
  }
};

/// A chain of the views of transforms. @pre owners outlive it    Throws: std::invalid_argument if their sizes differ.
template <transform... Parts>
[[nodiscard]] DFROT_PER_ISA constexpr chain<view_of_t<Parts>...> chain_of(Parts const&... parts) {
  return chain<view_of_t<Parts>...>(view_of(parts)...);
}

}  // namespace dfrot
