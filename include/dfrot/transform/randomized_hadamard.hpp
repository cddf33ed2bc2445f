#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

/// A randomized Hadamard rotation: random signs on the channels, then the normalized Hadamard matrix.
///   R = diag(s) H_n / sqrt(n),   s in {-1, +1}^n,   s_i = random_sign(seed, random_stream::hadamard_signs, i)
/// R is orthogonal. No n x n matrix is made: it stores n signs and the base matrix of the order.
/// Determinism: a function of n and seed alone; bitwise for any number of threads.
/// Throws: std::invalid_argument for an order without a construction (see hadamard_order).
/// Source: Ailon, Chazelle, "The fast Johnson-Lindenstrauss transform", 2009; QuaRot, arXiv 2404.00456, section 3.
/// Example: examples/01_hadamard.cpp
class randomized_hadamard {
 public:
  DFROT_PER_ISA randomized_hadamard(std::size_t n, std::uint64_t seed) : order_(n), signs_(n) {
    for (std::size_t i = 0; i < n; ++i) {
      signs_[i] = static_cast<std::int8_t>(random_sign(seed, random_stream::hadamard_signs, i));
    }
  }

  /// The rotation with these signs. Throws: std::invalid_argument unless each is -1 or +1, and for orders as above.
  DFROT_PER_ISA explicit randomized_hadamard(std::vector<std::int8_t> signs)
      : order_(signs.size()), signs_(std::move(signs)) {
    for (std::size_t i = 0; i < signs_.size(); ++i) {
      expects(signs_[i] == 1 || signs_[i] == -1, "a randomized Hadamard with the sign ", int{signs_[i]}, " of channel ",
              i, ": signs are -1 or 1");
    }
  }

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] hadamard_order const& order() const { return order_; }
  /// s: n values, -1 or +1.
  [[nodiscard]] vector_view<std::int8_t const> signs() const { return {signs_.data(), signs_.size()}; }

  /// x <- (x . s) H / sqrt(n)
  [[nodiscard]] DFROT_PER_ISA chain<signs_view<>, hadamard_view> view() const {
    return chain<signs_view<>, hadamard_view>({signs()}, order_.view());
  }

  /// Writes R as a dense matrix: bit for bit what apply() makes of the identity.
  /// @param result (n x n)    Complexity: O(n^2).    Throws: std::invalid_argument on shape.
  template <storage T>
  DFROT_PER_ISA void to_dense(matrix_view<T> result) const {
    check_shape("the dense rotation", result, size(), size());
    auto const scale = hadamard_scale<arithmetic_t<T>>(order_);
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t j = 0; j < size(); ++j) {
        result(i, j) = store<T>(signs_[i] * order_.sign(i, j) == 1 ? scale : -scale);
      }
    }
  }

 private:
  hadamard_order order_;
  std::vector<std::int8_t> signs_;
};

}  // namespace dfrot
