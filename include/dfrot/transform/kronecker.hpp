#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/block_rotation.hpp>
#include <dfrot/transform/check_orthogonal.hpp>
#include <dfrot/transform/real_values.hpp>

namespace dfrot {

/// The product of two small rotations as kernels see it: a row is read as an a x b matrix X, and X <- P^T X Q.
struct kronecker_view {
  using memory_space = host_space;
  static constexpr bool orthogonal = true;

  detail::orthogonal_view left;
  detail::orthogonal_view right;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return left.order() * right.order(); }
  [[nodiscard]] DFROT_PER_ISA constexpr kronecker_view transposed() const {
    return {left.transposed(), right.transposed()};
  }
  /// A copy of the row.
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t scratch_size() const { return size(); }
};

/// The Kronecker product of two orthogonal matrices: x <- x (P (x) Q), P (a x a), Q (b x b), n = a b.
/// With a and b near sqrt(n), every channel reaches every other at 2 n (a + b) operations a row.
/// Precision: as block_rotation, with a + b in the place of B.    Memory: 24 (a^2 + b^2) bytes.
/// Throws: std::invalid_argument unless P and Q are orthogonal (see check_orthogonal); std::bad_alloc.
/// Source: Van Loan, "The ubiquitous Kronecker product", 2000; Sun et al. (FlatQuant), arXiv 2410.09426, section 3 (whose
/// factors need not be orthogonal).
class kronecker {
 public:
  DFROT_PER_ISA kronecker(matrix<double> left, matrix<double> right)
      : left_(std::move(left)),
        left_transpose_(detail::transpose_of(left_.exact())),
        right_(std::move(right)),
        right_transpose_(detail::transpose_of(right_.exact())) {
    detail::check_orthogonal("the left matrix of a Kronecker product", left_.exact());
    detail::check_orthogonal("the right matrix of a Kronecker product", right_.exact());
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return left_.exact().rows * right_.exact().rows; }
  [[nodiscard]] DFROT_PER_ISA kronecker_view view() const {
    return {{left_.view(), left_transpose_.view()}, {right_.view(), right_transpose_.view()}};
  }

 private:
  real_values left_;
  real_values left_transpose_;
  real_values right_;
  real_values right_transpose_;
};

}  // namespace dfrot
