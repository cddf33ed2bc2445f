#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/refine_options.hpp>

namespace dfrot {

/// The orthogonal Procrustes problem with massive tokens weighted: which rotation brings Y nearest to B?
///   min over orthogonal Q of sum_i w_i^2 ||y_i Q - b_i||^2,   w_i = alpha for massive tokens, 1 for ordinary ones
/// is solved by the polar factor of C = sum_i w_i^2 y_i^T b_i = U S V^T:   Q = U V^T.
/// Q = diag(Q_1, ..., Q_k) with blocks of b channels is found block by block: only the diagonal blocks of C count.
/// Tokens are added in blocks; only C is kept. In float32, the products of ordinary tokens are summed as they come; massive
/// ones weigh 10^4 times as much and are nearly one vector, so their part is formed in float64, and rounded once.
/// Source: Schönemann, Psychometrika 31, 1966; weights: Xiang, Zhang, arXiv 2412.00648, section 3.
class weighted_procrustes {
 public:
  /// @param channels n   @param alpha weight of a massive token, finite, >= 0
  /// @param precision of C; automatic counts as float64   @param block b, a divisor of n; 0: n
  /// Memory: n b floats or doubles.   Throws: std::invalid_argument on alpha and block; std::bad_alloc.
  weighted_procrustes(std::size_t channels, double alpha, product_precision precision = product_precision::float64,
                      std::size_t block = 0)
      : alpha_(alpha), block_(block == 0 ? channels : block) {
    expects(std::isfinite(alpha) && alpha >= 0, "procrustes: alpha is ", alpha, "; it must be finite and at least 0");
    expects(block_ > 0 && channels % block_ == 0, "procrustes: ", channels, " channels cannot be cut into blocks of ",
            block_);
    if (precision == product_precision::float32) {
      single_ = matrix<float>(channels, block_);
    } else {
      double_ = matrix<double>(channels, block_);
    }
  }

  /// Adds ordinary tokens: C += Y^T B. A row of zeros in b leaves a token out.
  /// @param on where to run   @param y, b (m x n) float or double
  /// Complexity: 2 m n b operations.   Determinism: bitwise for any thread count, for one order of the calls.
  template <execution_policy P, class T>
  void add_ordinary(P const& on, matrix_view<T> y, matrix_view<T> b) {
    if constexpr (std::is_same_v<std::remove_const_t<T>, float>) {
      if (single_.rows() > 0) {
        accumulate(on, y, b, single_);
        return;
      }
    }
    expects(single_.rows() == 0, "procrustes: tokens of float64 need sums of float64");
    accumulate(on, y, b, double_);
  }

  /// Adds massive tokens: C += alpha^2 Y^T B, formed in float64.   As add_ordinary() otherwise; workspace of 256 x b doubles.
  template <execution_policy P, class T>
  void add_massive(P const& on, matrix_view<T> y, matrix_view<T> b) {
    constexpr std::size_t strip = 256;
    matrix<double> part(std::min(strip, block_), block_);
    for (std::size_t first = 0; first < channels(); first += block_) {
      for (std::size_t row = 0; row < block_; row += strip) {
        std::size_t const count = std::min(strip, block_ - row);
        auto const product = part.view().row_block(0, count);
        std::fill_n(product.data, count * block_, 0.0);
        multiply_transposed_accumulate(on, columns(y, first + row, count), columns(b, first, block_), product);
        for (std::size_t i = 0; i < count * block_; ++i) {
          add_to_element((first + row) * block_ + i, alpha_ * alpha_ * product.data[i]);
        }
      }
    }
  }

  /// R <- R diag(Q_1, ..., Q_k), the best rotation for the tokens added so far; where they leave it open, the one nearest to
  /// no rotation. C is overwritten: clear() before tokens are added again.
  /// @param on where to run   @param r (m x n), float or double   @param shared Q_1 = ... = Q_k, from the sum of the blocks
  /// Complexity: k polar factors of order b, O(n b^2), and 2 m n b operations; workspace that of nearest_orthogonal(),
  /// and two blocks of 1024 x n.   Throws: std::invalid_argument if C is not finite; std::bad_alloc.
  template <execution_policy P, class T>
  void turn(P const& on, matrix_view<T> r, bool shared = false) {
    if (single_.rows() > 0) {
      turn_by(on, single_, r, shared);
    } else {
      turn_by(on, double_, r, shared);
    }
  }

  /// Forgets all tokens.
  void clear() {
    for_each_array([](auto* values, std::size_t count) { std::fill_n(values, count, 0); });
  }

  /// Calls f(values, count) for every array of sums, float* or double*: add those of several shards, and the whole is theirs.
  template <class F>
  void for_each_array(F&& f) {
    if (single_.rows() > 0) {
      f(single_.data(), single_.rows() * block_);
    } else {
      f(double_.data(), double_.rows() * block_);
    }
  }

  /// Adds the sums of another shard of the tokens.   @pre made with the same arguments
  /// Throws: std::invalid_argument if the arguments differed.
  void combine(weighted_procrustes const& other) {
    expects(other.channels() == channels() && other.block_ == block_ && other.single_.rows() == single_.rows() &&
                other.alpha_ == alpha_,
            "procrustes: sums of another size, precision or alpha cannot be added");
    add_all(single_, other.single_);
    add_all(double_, other.double_);
  }

  [[nodiscard]] std::size_t channels() const { return std::max(single_.rows(), double_.rows()); }

 private:
  template <class T>
  static matrix_view<T> columns(matrix_view<T> x, std::size_t first, std::size_t count) {
    return {x.data + first, x.rows, count, x.row_stride};
  }

  template <execution_policy P, class T, class Sum>
  void accumulate(P const& on, matrix_view<T> y, matrix_view<T> b, matrix<Sum>& sums) {
    for (std::size_t first = 0; first < sums.rows(); first += block_) {
      multiply_transposed_accumulate(on, columns(y, first, block_), columns(b, first, block_),
                                     sums.view().row_block(first, block_));
    }
  }

  void add_to_element(std::size_t i, double value) {
    if (single_.rows() > 0) {
      single_.data()[i] = static_cast<float>(double{single_.data()[i]} + value);
    } else {
      double_.data()[i] += value;
    }
  }

  template <class Sum>
  static void add_all(matrix<Sum>& to, matrix<Sum> const& from) {
    for (std::size_t i = 0; i < from.rows() * from.columns(); ++i) {
      to.data()[i] += from.data()[i];
    }
  }

  template <execution_policy P, class Sum, class T>
  void turn_by(P const& on, matrix<Sum>& sums, matrix_view<T> r, bool shared) {
    std::size_t const area = block_ * block_;
    for (std::size_t first = 0; first < sums.rows(); first += block_) {
      auto const q = sums.view().row_block(first, block_);
      if (shared && first > 0) {
        std::copy_n(sums.data(), area, q.data);
        continue;
      }
      for (std::size_t other = block_; shared && other < sums.rows(); other += block_) {
        for (std::size_t i = 0; i < area; ++i) {
          q.data[i] += sums.data()[other * block_ + i];
        }
      }
      nearest_orthogonal(on, q, q);
    }
    constexpr std::size_t block_rows = 1024;
    matrix<Sum> before(std::min(block_rows, r.rows), r.columns);
    matrix<Sum> after(before.rows(), r.columns);
    for (std::size_t row = 0; row < r.rows; row += block_rows) {
      auto const part = r.row_block(row, std::min(block_rows, r.rows - row));
      auto const from = before.view().row_block(0, part.rows);
      auto const to = after.view().row_block(0, part.rows);
      for (std::size_t i = 0; i < part.rows; ++i) {
        std::transform(part.row(i), part.row(i) + r.columns, from.row(i),
                       [](T value) { return static_cast<Sum>(value); });
      }
      for (std::size_t first = 0; first < sums.rows(); first += block_) {
        multiply(on, columns(from, first, block_), sums.view().row_block(first, block_), columns(to, first, block_));
      }
      for (std::size_t i = 0; i < part.rows; ++i) {
        std::transform(to.row(i), to.row(i) + r.columns, part.row(i), [](Sum value) { return static_cast<T>(value); });
      }
    }
  }

  double alpha_;
  std::size_t block_;
  matrix<float> single_;   // C in float32, its diagonal blocks one below the other; or empty
  matrix<double> double_;  // the same in float64, or empty
};

}  // namespace dfrot
