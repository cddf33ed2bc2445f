#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

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

/// True if policy P can turn rows of T by a low_rank_rotation.
template <class P, class T>
concept can_low_rank = requires(P const& on, low_rank_view<arithmetic_t<T>> const& g, matrix_view<T> x) {
  low_rank_rows(on, g, x);
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
  DFROT_PER_ISA explicit low_rank_rotation(std::size_t n) : size_(n), basis_(0, n), basis_float_(0, n) {}

  /// @param n channels   @param axes different channels < n   @param basis (d x n) orthonormal rows, 0 in the axes
  /// @param turn S (r x r) orthogonal, r = axes + d <= largest_low_rank; rows and columns in the order axes, basis
  /// Throws: std::invalid_argument on a shape, an axis, or unless U and S are orthonormal to 1e-6; std::bad_alloc.
  DFROT_PER_ISA low_rank_rotation(std::size_t n, std::vector<std::size_t> axes, matrix<double> basis,
                                  matrix<double> turn)
      : size_(n), axes_(std::move(axes)), basis_(std::move(basis)), turn_(std::move(turn)) {
    std::size_t const r = axes_.size() + basis_.rows();
    expects(r <= largest_low_rank, "a low-rank rotation of rank ", r, ": at most ", largest_low_rank, " is possible");
    check_shape("the basis of a low-rank rotation", basis_.view(), r - axes_.size(), n);
    check_shape("the turn of a low-rank rotation", turn_.view(), r, r);
    check_axes();
    check_orthonormal("the basis", basis_);
    check_orthonormal("the turn", turn_);
    change_ = turn_;
    for (std::size_t k = 0; k < r; ++k) {
      change_(k, k) -= 1;
    }
    change_back_ = transposed(change_);
    basis_float_ = rounded(basis_);
    change_float_ = rounded(change_);
    change_back_float_ = rounded(change_back_);
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return size_; }
  /// r: how many directions turn.
  [[nodiscard]] DFROT_PER_ISA std::size_t rank() const { return turn_.rows(); }
  [[nodiscard]] DFROT_PER_ISA std::vector<std::size_t> const& axes() const { return axes_; }
  [[nodiscard]] DFROT_PER_ISA matrix_view<double const> basis() const { return basis_.view(); }
  /// S, in the order axes, basis.
  [[nodiscard]] DFROT_PER_ISA matrix_view<double const> turn() const { return turn_.view(); }

  /// What kernels read. @param back of the inverse, G^T
  template <class Real>
  [[nodiscard]] DFROT_PER_ISA low_rank_view<Real> view(bool back = false) const {
    if constexpr (std::is_same_v<Real, double>) {
      return {{axes_.data(), axes_.size()}, basis_.view(), back ? change_back_.view() : change_.view()};
    } else {
      return {
          {axes_.data(), axes_.size()}, basis_float_.view(), back ? change_back_float_.view() : change_float_.view()};
    }
  }

  /// Turns each row in place: x <- x G = x + ((x U) (S - I)) U^T.
  /// @param on where to run (host)   @param x (m x n) float, double, half or bfloat16, row stride >= n
  /// Complexity: 4 m n d operations for the d columns of U that are no axes, no workspace.
  /// Determinism: bitwise for any number of threads.   Throws: std::invalid_argument on shape.
  template <execution_policy P, storage T>
  void apply(P const& on, matrix_view<T> x) const {
    turn_rows(on, x, false);
  }
  /// Turns each row back, in place: x <- x G^T. As apply() otherwise.
  template <execution_policy P, storage T>
  void apply_transpose(P const& on, matrix_view<T> x) const {
    turn_rows(on, x, true);
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
          step[l] += column(k, i) * change_(k, l);
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
    return k < axes_.size() ? (axes_[k] == i ? 1 : 0) : basis_(k - axes_.size(), i);
  }

 private:
  template <class P, class T>
  void turn_rows(P const& on, matrix_view<T> x, bool back) const {
    check_policy<host_space>(on);
    static_assert(can_low_rank<P, T>, "include <dfrot/reference.hpp> or <dfrot/cpu.hpp>");
    expects(x.columns == size_, "a rotation of order ", size_, " on rows of ", x.columns,
            " values: the two must be equal");
    check_stride("rows", x);
    if (rank() > 0) {
      low_rank_rows(on, view<arithmetic_t<T>>(back), x);
    }
  }

  DFROT_PER_ISA void check_axes() const {
    for (std::size_t k = 0; k < axes_.size(); ++k) {
      expects(axes_[k] < size_, "a low-rank rotation with the axis ", axes_[k], " in ", size_, " channels");
      expects(std::find(axes_.begin(), axes_.begin() + static_cast<std::ptrdiff_t>(k), axes_[k]) ==
                  axes_.begin() + static_cast<std::ptrdiff_t>(k),
              "a low-rank rotation with the axis ", axes_[k], " twice");
      for (std::size_t row = 0; row < basis_.rows(); ++row) {
        expects(basis_(row, axes_[k]) == 0, "a low-rank rotation: basis row ", row, " holds ", basis_(row, axes_[k]),
                " in channel ", axes_[k], ", which is an axis; it must be 0");
      }
    }
  }

  DFROT_PER_ISA static void check_orthonormal(char const* what, matrix<double> const& rows) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double product = i == j ? -1 : 0;
        for (std::size_t k = 0; k < rows.columns(); ++k) {
          product += rows(i, k) * rows(j, k);
        }
        expects(product <= 1e-6 && product >= -1e-6, what, " of a low-rank rotation is not orthonormal: rows ", i,
                " and ", j, " are off by ", product);
      }
    }
  }

  DFROT_PER_ISA static matrix<double> transposed(matrix<double> const& a) {
    matrix<double> result(a.columns(), a.rows());
    for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
      result(i % a.columns(), i / a.columns()) = a.data()[i];
    }
    return result;
  }

  DFROT_PER_ISA static matrix<float> rounded(matrix<double> const& a) {
    matrix<float> result(a.rows(), a.columns());
    std::transform(a.data(), a.data() + a.rows() * a.columns(), result.data(),
                   [](double value) { return static_cast<float>(value); });
    return result;
  }

  std::size_t size_;
  std::vector<std::size_t> axes_;
  matrix<double> basis_, turn_, change_, change_back_;
  matrix<float> basis_float_, change_float_, change_back_float_;
};

}  // namespace dfrot
