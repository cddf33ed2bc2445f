#pragma once

#include <cstddef>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cuda/dense_algebra.cuh>
#include <dfrot/linalg/cuda/elements.cuh>
#include <dfrot/linalg/detail/subspace_iteration.hpp>

namespace dfrot::cuda {

namespace detail {

/// The matrix of subspace_iteration, on a device. @pre c without gaps between its rows
struct dominated_matrix {
  dense_algebra const& algebra;
  matrix_view<double, device_space> c;

  [[nodiscard]] std::size_t order() const { return c.rows; }
  [[nodiscard]] double sum_of_squares() const {
    return squared_norm(algebra.on(), vector_view<double, device_space>{c.data, c.rows * c.columns});
  }
  [[nodiscard]] matrix<double> times(matrix<double> const& rows) const { return multiply(rows, op::none); }
  [[nodiscard]] matrix<double> times_transposed(matrix<double> const& rows) const {
    return multiply(rows, op::transpose);
  }
  void subtract(matrix<double> const& left, matrix<double> const& right) const {
    auto const on_device = [&](matrix<double> const& rows) {
      device_matrix<double> there(algebra.on(), rows.rows(), rows.columns());
      copy(algebra.on(), rows.view(), there.view());
      return there;
    };
    auto const there_left = on_device(left);
    auto const there_right = on_device(right);
    algebra.multiply(-1.0, op::transpose, there_left.view(), op::none, there_right.view(), 1.0, c);
    synchronize(algebra.on());  // the host's rows may go now
  }

 private:
  [[nodiscard]] matrix<double> multiply(matrix<double> const& rows, op how) const {
    device_matrix<double> from(algebra.on(), rows.rows(), c.rows);
    device_matrix<double> to(algebra.on(), rows.rows(), c.rows);
    copy(algebra.on(), rows.view(), from.view());
    algebra.multiply(1.0, op::none, from.view(), how, c, 0.0, to.view());
    matrix<double> product(rows.rows(), c.rows);
    copy(algebra.on(), matrix_view<double const, device_space>(to.view()), product.view());
    synchronize(algebra.on());
    return product;
  }
};

}  // namespace detail

/// Deflates the dominant singular values of C on a device: the twin of the host's deflate_dominant(), with the same rules; see
/// there. Products run on the device. Work on the 16 vectors runs on the host, which waits for each product.
/// @param algebra where to run   @param c (n x n) without gaps between its rows, finite, not rank-deficient
/// @return how many values were lowered   Complexity: 64 n^2 operations a step on the device, 10^4 n on the host.
/// Determinism: as dense_algebra.   Throws: std::invalid_argument on shape; std::runtime_error as check_status().
inline std::size_t deflate_dominant(dense_algebra const& algebra, matrix_view<double, device_space> c) {
  check_shape("C", c, c.columns, c.columns);
  check_stride("C", c);
  expects(c.rows <= 1 || c.row_stride == c.columns, "deflation of a matrix whose rows are ", c.row_stride,
          " values apart, not ", c.columns);
  detail::dominated_matrix here{algebra, c};
  return dfrot::detail::subspace_iteration<detail::dominated_matrix>(here).run();
}

}  // namespace dfrot::cuda
