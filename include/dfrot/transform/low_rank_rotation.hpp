#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/real_values.hpp>

namespace dfrot {

/// The largest rank of a low_rank_rotation: kernels keep a row's coefficients on the stack.
inline constexpr std::size_t largest_low_rank = 64;

/// A low_rank_rotation as a kernel reads it: x <- x + c C U^T with c = x U, where U has the axes first, then the basis.
template <class Real>
struct low_rank_view {
  vector_view<std::size_t const> axes;  ///< channels: the first columns of U are the unit vectors of these
  matrix_view<Real const> basis;        ///< (d x n) the other columns of U, a row each
  matrix_view<Real const> change;       ///< (r x r) C = S - I, or its transpose to undo it; r = axes + d

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t rank() const { return change.rows; }
};

/// The same as a transform: with constants of both types, and the inverse.
struct low_rank_rotation_view {
  using memory_space = host_space;
  static constexpr bool orthogonal = true;

  std::size_t columns;
  vector_view<std::size_t const> axes;
  real_values_view basis;
  real_values_view change;
  real_values_view change_back;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return columns; }
  [[nodiscard]] DFROT_PER_ISA constexpr low_rank_rotation_view transposed() const {
    return {columns, axes, basis, change_back, change};
  }
  /// @param Real float or double
  template <class Real>
  [[nodiscard]] DFROT_PER_ISA constexpr low_rank_view<Real> of() const {
    return {axes, basis.template of<Real>(), change.template of<Real>()};
  }
};

/// A rotation that turns r directions of an n-dimensional space and leaves all others where they are.
///   G = I + U (S - I) U^T,   U (n x r) with orthonormal columns, S (r x r) orthogonal
/// Columns of U may be axes, that is unit vectors of single channels: they cost one multiplication, where any other column
/// costs two passes over the row. A plane through an axis thus costs half of what another one does. Values are kept in
/// double (this is what is composed and saved) and in float (what rows of float, half and bfloat16 are turned by).
/// Memory: 12 n values a column that is no axis.   Trivially safe to share between threads.
class low_rank_rotation {
 public:
  /// The identity of n channels, of rank 0.
  DFROT_PER_ISA explicit low_rank_rotation(std::size_t n)
      : size_(n), basis_(matrix<double>(0, n)), change_(matrix<double>()), change_back_(matrix<double>()) {}

  /// @param n channels   @param axes different channels < n   @param basis (d x n) orthonormal rows, 0 in the axes
  /// @param turn S (r x r) orthogonal, r = axes + d <= largest_low_rank; rows and columns in the order axes, basis
  /// Throws: std::invalid_argument on a shape, an axis, or unless U and S are orthonormal to 1e-6; std::bad_alloc.
  DFROT_PER_ISA low_rank_rotation(std::size_t n, std::vector<std::size_t> axes, matrix<double> basis,
                                  matrix<double> turn)
      : size_(n),
        axes_(std::move(axes)),
        basis_(std::move(basis)),
        turn_(std::move(turn)),
        change_(minus_identity(turn_)),
        change_back_(detail::transpose_of(change_.exact())) {
    std::size_t const r = axes_.size() + this->basis().rows;
    expects(r <= largest_low_rank, "a low-rank rotation of rank ", r, ": at most ", largest_low_rank, " is possible");
    check_shape("the basis of a low-rank rotation", this->basis(), r - axes_.size(), n);
    check_shape("the turn of a low-rank rotation", turn_.view(), r, r);
    check_axes();
    check_orthonormal("the basis", this->basis());
    check_orthonormal("the turn", this->turn());
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return size_; }
  /// r: how many directions turn.
  [[nodiscard]] DFROT_PER_ISA std::size_t rank() const { return turn_.rows(); }
  [[nodiscard]] DFROT_PER_ISA std::vector<std::size_t> const& axes() const { return axes_; }
  [[nodiscard]] DFROT_PER_ISA matrix_view<double const> basis() const { return basis_.exact(); }
  /// S, in the order axes, basis.
  [[nodiscard]] DFROT_PER_ISA matrix_view<double const> turn() const { return turn_.view(); }

  [[nodiscard]] DFROT_PER_ISA low_rank_rotation_view view() const {
    return {size_, {axes_.data(), axes_.size()}, basis_.view(), change_.view(), change_back_.view()};
  }

  /// Writes G as a dense matrix, from the values in double. @param result (n x n)   Complexity: O(n^2 r).
  /// Throws: std::invalid_argument on shape.
  template <storage T>
  DFROT_PER_ISA void to_dense(matrix_view<T> result) const {
    check_shape("the dense rotation", result, size_, size_);
    std::vector<double> step(rank());
    for (std::size_t i = 0; i < size_; ++i) {
      for (std::size_t l = 0; l < rank(); ++l) {
        step[l] = 0;
        for (std::size_t k = 0; k < rank(); ++k) {
          step[l] += column(k, i) * change_.exact()(k, l);
        }
      }
      for (std::size_t j = 0; j < size_; ++j) {
        double sum = i == j ? 1 : 0;
        for (std::size_t l = 0; l < rank(); ++l) {
          sum += step[l] * column(l, j);
        }
        result(i, j) = store<T>(static_cast<arithmetic_t<T>>(sum));
      }
    }
  }

  /// U_ik: value i of direction k. @pre i < size(), k < rank()
  [[nodiscard]] DFROT_PER_ISA double column(std::size_t k, std::size_t i) const {
    return k < axes_.size() ? (axes_[k] == i ? 1 : 0) : basis()(k - axes_.size(), i);
  }

 private:
  DFROT_PER_ISA void check_axes() const {
    for (std::size_t k = 0; k < axes_.size(); ++k) {
      expects(axes_[k] < size_, "a low-rank rotation with the axis ", axes_[k], " in ", size_, " channels");
      expects(std::find(axes_.begin(), axes_.begin() + static_cast<std::ptrdiff_t>(k), axes_[k]) ==
                  axes_.begin() + static_cast<std::ptrdiff_t>(k),
              "a low-rank rotation with the axis ", axes_[k], " twice");
      for (std::size_t row = 0; row < basis().rows; ++row) {
        expects(basis()(row, axes_[k]) == 0, "a low-rank rotation: basis row ", row, " holds ", basis()(row, axes_[k]),
                " in channel ", axes_[k], ", which is an axis; it must be 0");
      }
    }
  }

  DFROT_PER_ISA static void check_orthonormal(char const* what, matrix_view<double const> rows) {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double product = i == j ? -1 : 0;
        for (std::size_t k = 0; k < rows.columns; ++k) {
          product += rows(i, k) * rows(j, k);
        }
        expects(product <= 1e-6 && product >= -1e-6, what, " of a low-rank rotation is not orthonormal: rows ", i,
                " and ", j, " are off by ", product);
      }
    }
  }

  DFROT_PER_ISA static matrix<double> minus_identity(matrix<double> const& a) {
    matrix<double> result = a;
    for (std::size_t k = 0; k < std::min(a.rows(), a.columns()); ++k) {
      result(k, k) -= 1;
    }
    return result;
  }

  std::size_t size_;
  std::vector<std::size_t> axes_;
  real_values basis_;
  matrix<double> turn_;
  real_values change_;
  real_values change_back_;
};

}  // namespace dfrot
