#pragma once

#include <concepts>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// An output that results are added to, instead of taking the place of what is there. Made by add_to(). Trivially copyable.
template <class T, class Space = host_space>
struct added_output {
  matrix_view<T, Space> sums;
};

/// Says that results are to be added:   out(i, j) <- T(out(i, j) + result),   one addition in float, rounded once to T
template <class T, class Space>
[[nodiscard]] constexpr added_output<T, Space> add_to(matrix_view<T, Space> out) {
  return {out};
}

/// Types that products with scales are written in: each result is found in float, and rounded once.
template <class T>
concept product_result = std::same_as<T, float> || std::same_as<T, half> || std::same_as<T, bfloat16>;

namespace detail {

template <class Out>
struct result_of_output {};
template <class T, class Space>
struct result_of_output<matrix_view<T, Space>> {
  using type = T;
};
template <class T, class Space>
struct result_of_output<added_output<T, Space>> {
  using type = T;
};

}  // namespace detail

/// Where products write: matrix_view<T> or added_output<T>.
template <class Out>
concept product_output = product_result<typename detail::result_of_output<Out>::type>;

namespace detail {

/// Writes, or adds, one result.
template <product_result T>
DFROT_PER_ISA constexpr void put_result(matrix_view<T> const& out, std::size_t i, std::size_t j, float result) {
  out(i, j) = store<T>(result);
}
template <product_result T>
DFROT_PER_ISA constexpr void put_result(added_output<T> const& out, std::size_t i, std::size_t j, float result) {
  DFROT_EXACT_MATH
  out.sums(i, j) = store<T>(load(out.sums(i, j)) + result);
}

/// Where the results go.
template <class T, class Space>
[[nodiscard]] constexpr matrix_view<T, Space> const& values_of(matrix_view<T, Space> const& out) {
  return out;
}
template <class T, class Space>
[[nodiscard]] constexpr matrix_view<T, Space> const& values_of(added_output<T, Space> const& out) {
  return out.sums;
}

}  // namespace detail

}  // namespace dfrot
