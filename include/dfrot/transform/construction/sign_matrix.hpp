#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <dfrot/config.hpp>

namespace dfrot {

/// A square matrix of signs, row-major: what a Hadamard matrix is generated into. One byte an entry, -1 or +1.
class sign_matrix {
 public:
  sign_matrix() = default;
  /// All entries +1.
  explicit sign_matrix(std::size_t order) : order_(order), values_(order * order, std::int8_t{1}) {}

  [[nodiscard]] std::size_t order() const { return order_; }
  [[nodiscard]] std::int8_t* row(std::size_t i) { return values_.data() + i * order_; }
  [[nodiscard]] std::int8_t const* row(std::size_t i) const { return values_.data() + i * order_; }
  [[nodiscard]] int operator()(std::size_t i, std::size_t j) const { return row(i)[j]; }
  void set(std::size_t i, std::size_t j, int sign) { row(i)[j] = static_cast<std::int8_t>(sign); }

 private:
  std::size_t order_ = 0;
  std::vector<std::int8_t> values_;
};

/// The Kronecker product: every entry a_ij of the left matrix becomes the block a_ij B. A product of Hadamard matrices
/// is one. Complexity: O(order^2) of the product.
[[nodiscard]] DFROT_PER_ISA inline sign_matrix kronecker_product(sign_matrix const& left, sign_matrix const& right) {
  std::size_t const inner = right.order();
  sign_matrix product(left.order() * inner);
  for (std::size_t i = 0; i < product.order(); ++i) {
    for (std::size_t j = 0; j < product.order(); ++j) {
      product.set(i, j, left(i / inner, j / inner) * right(i % inner, j % inner));
    }
  }
  return product;
}

}  // namespace dfrot
