#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/adapt/eigen_core.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

namespace detail {

template <class Derived>
constexpr void assert_viewable() {
  static_assert((Derived::Flags & Eigen::DirectAccessBit) != 0,
                "this Eigen expression has no memory of its own: evaluate it into a matrix first");
  static_assert((Derived::Flags & Eigen::RowMajorBit) != 0,
                "this Eigen matrix is column-major: dfrot stores one token a row, use "
                "Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>");
  static_assert(Derived::InnerStrideAtCompileTime == 1,
                "the values of a row must be neighbours in memory: use a matrix or Map without an inner stride");
}

template <class T, class Derived>
[[nodiscard]] matrix_view<T> view_of_memory(T* data, Derived const& values) {
  return {data, static_cast<std::size_t>(values.rows()), static_cast<std::size_t>(values.cols()),
          static_cast<std::size_t>(values.outerStride())};
}

}  // namespace detail

/// The Eigen type that stands for a matrix_view<T>: a row-major Map with a run-time row stride.
template <class T>
using eigen_map = Eigen::Map<
    std::conditional_t<std::is_const_v<T>,
                       Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> const,
                       Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>,
    Eigen::Unaligned, Eigen::OuterStride<>>;

/// Lets Eigen work on the memory of a view; nothing is copied.
/// @param view of float or double in host memory, any row stride
/// @return a Map that is valid as long as the viewed memory
/// Complexity: O(1).
template <class T>
[[nodiscard]] eigen_map<T> as_eigen(matrix_view<T, host_space> view) {
  return eigen_map<T>(view.data, static_cast<Eigen::Index>(view.rows), static_cast<Eigen::Index>(view.columns),
                      Eigen::OuterStride<>(static_cast<Eigen::Index>(view.row_stride)));
}

/// Hands an Eigen matrix, Map or Block to dfrot; nothing is copied.
///   view_of(m)(i, j) is m(i, j)
/// @param values row-major with neighbouring values in a row; anything else is a compile error that says so
/// @return a view that is valid as long as the memory of `values`; not for temporaries
/// Complexity: O(1).
template <class Derived>
[[nodiscard]] auto view_of(Eigen::DenseBase<Derived>& values) {
  detail::assert_viewable<Derived>();
  return detail::view_of_memory(values.derived().data(), values.derived());
}

/// The same for matrices that must not change.
template <class Derived>
[[nodiscard]] auto view_of(Eigen::DenseBase<Derived> const& values) {
  detail::assert_viewable<Derived>();
  using scalar = typename Derived::Scalar;
  return detail::view_of_memory<scalar const>(values.derived().data(), values.derived());
}

}  // namespace dfrot
