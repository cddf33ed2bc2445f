#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>

#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/deflate_dominant.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/polar_checks.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>

namespace dfrot {

/// The orthogonal Procrustes problem with massive tokens weighted: which rotation brings Y nearest to B?
///   min over orthogonal Q of sum_i w_i^2 ||y_i Q - b_i||^2,   w_i = alpha for massive tokens, 1 for ordinary ones
/// is solved by the polar factor of C = sum_i w_i^2 y_i^T b_i = U S V^T:   Q = U V^T.
/// Q = diag(Q_1, ..., Q_k) with blocks of b channels is found block by block: only the diagonal blocks of C count.
/// Tokens are added in blocks; only C is kept, in float64. Products of ordinary tokens may be formed in float32, a block at a
/// time; massive ones weigh 10^4 times as much and are nearly one vector, so that theirs are always formed in float64.
/// The order of blocks then changes C by 1e-16 alone: shards of whole blocks, added in any order, lead to the same rotation.
/// Source: Schönemann, Psychometrika 31, 1966; weights: Xiang, Zhang, arXiv 2412.00648, section 3.
class weighted_procrustes {
 public:
  /// @param channels n   @param alpha weight of a massive token, finite, >= 0
  /// @param precision of ordinary products and of the polar factor; automatic counts as float64
  /// @param block b, a divisor of n; 0: n
  /// Memory: n b doubles.   Throws: std::invalid_argument on alpha and block; std::bad_alloc.
  weighted_procrustes(std::size_t channels, double alpha, product_precision precision = product_precision::float64,
                      std::size_t block = 0)
      : alpha_(alpha),
        channels_(channels),
        block_(block == 0 ? channels : block),
        single_(precision == product_precision::float32) {
    expects(is_finite(alpha) && alpha >= 0, "procrustes: alpha is ", alpha, "; it must be finite and at least 0");
    expects(block_ > 0 && channels % block_ == 0, "procrustes: ", channels, " channels cannot be cut into blocks of ",
            block_);
    clear();
  }

  /// Adds a block of ordinary tokens: C += Y^T B. A row of zeros in b leaves a token out.
  /// @param on where to run   @param y, b (m x n) float or double
  /// Complexity: 2 m n b operations; workspace of 1024 x b.
  /// Determinism: bitwise for any thread count, for one order of the calls.
  template <execution_policy P, class T>
  void add_ordinary(P const& on, matrix_view<T> y, matrix_view<T> b) {
    using Value = std::remove_const_t<T>;
    if (single_ && std::same_as<Value, float>) {
      add_product<Value>(on, y, b, 1);
    } else {
      add_product<double>(on, y, b, 1);
    }
  }

  /// Adds massive tokens: C += alpha^2 Y^T B, formed in float64.   As add_ordinary() otherwise.
  template <execution_policy P, class T>
  void add_massive(P const& on, matrix_view<T> y, matrix_view<T> b) {
    add_product<double>(on, y, b, alpha_ * alpha_);
  }

  /// R <- R diag(Q_1, ..., Q_k), the best rotation for the tokens added so far; where they leave it open, the one nearest to
  /// no rotation. Forgets the tokens.
  /// In float32, with one block, R <- polar(R C), which is the same: so R C takes the place of R, and there is a matrix less
  /// while the polar factor needs its two. What tokens leave open is then nearest to `before`.
  /// @param on where to run   @param r (n x n), float or double   @param before (n x n) an earlier rotation, read only there
  /// @param shared Q_1 = ... = Q_k, from the sum of the blocks
  /// Complexity: k polar factors of order b, O(n b^2), and 2 m n b operations; workspace that of nearest_orthogonal(),
  /// and two blocks of 1024 x n.   Throws: std::invalid_argument if C is not finite; std::bad_alloc.
  template <execution_policy P, class T>
  void turn(P const& on, matrix_view<T> r, matrix_view<T const> before, bool shared = false) {
    if (single_ && !shared) {
      // While C is in float64: rounding it to float32 must not blur what is small beside a few massive tokens. Shared
      // blocks are still to be added up, and lowered ones have another sum.
      for (std::size_t first = 0; first < channels_; first += block_) {
        deflate_dominant(on, sums_.view().row_block(first, block_));
      }
    }
    if constexpr (std::same_as<T, float>) {
      if (single_ && block_ == channels_) {
        multiply_by_sums(on, r);
        sums_ = {};  // gives its memory to the polar factor
        nearest_orthogonal(on, r, r, before);
        clear();
        return;
      }
    }
    if (single_) {
      matrix<float> rounded(channels_, block_);
      std::transform(sums_.data(), sums_.data() + channels_ * block_, rounded.data(),
                     [](double value) { return static_cast<float>(value); });
      sums_ = {};
      turn_by(on, rounded, r, shared);
    } else {
      turn_by(on, sums_, r, shared);
    }
    clear();
  }

  /// Forgets all tokens.
  void clear() {
    sums_ = {};
    sums_ = matrix<double>(channels_, block_);
  }

  /// The sums, for who adds those of several shards: C's diagonal blocks, one below the other (n x b).
  [[nodiscard]] matrix_view<double> sums() { return sums_.view(); }
  [[nodiscard]] matrix_view<double const> sums() const { return sums_.view(); }

  /// Adds the sums of another shard of the tokens.   @pre made with the same arguments
  /// Throws: std::invalid_argument if channels, block or alpha differ.
  void combine(weighted_procrustes const& other) {
    expects(other.channels_ == channels_ && other.block_ == block_ && other.alpha_ == alpha_,
            "procrustes: sums of another size or alpha cannot be added");
    std::transform(sums_.data(), sums_.data() + channels_ * block_, other.sums_.data(), sums_.data(), std::plus<>());
  }

  [[nodiscard]] std::size_t channels() const { return channels_; }

 private:
  template <class T>
  static matrix_view<T> columns(matrix_view<T> x, std::size_t first, std::size_t count) {
    return {x.data + first, x.rows, count, x.row_stride};
  }

  /// C += weight Y^T B with the product in Real, in strips of rows.
  template <class Real, execution_policy P, class T>
  void add_product(P const& on, matrix_view<T> y, matrix_view<T> b, double weight) {
    constexpr std::size_t strip_rows = 1024;
    matrix<Real> strip(std::min(strip_rows, block_), block_);
    for (std::size_t row = 0; row < channels_;) {
      std::size_t const block_first = row / block_ * block_;
      std::size_t const count = std::min(strip_rows, block_first + block_ - row);
      auto const product = strip.view().row_block(0, count);
      std::fill_n(product.data, count * block_, Real{0});
      multiply_transposed_accumulate(on, columns(y, row, count), columns(b, block_first, block_), product);
      parallel_for(threads_of(on), count, [&](std::size_t i) {
        for (std::size_t j = 0; j < block_; ++j) {
          sums_(row + i, j) += weight * static_cast<double>(product(i, j));
        }
      });
      row += count;
    }
  }

  /// R <- R C / max |C|, in blocks of rows; a panel of C at a time is rounded to float32.
  template <execution_policy P>
  void multiply_by_sums(P const& on, matrix_view<float> r) const {
    constexpr std::size_t block_rows = 1024;
    constexpr std::size_t panel_rows = 512;
    detail::expects_finite(sums_.view());
    double const largest = as_eigen(sums_.view()).cwiseAbs().maxCoeff();
    double const scale = largest > 0 ? 1 / largest : 1;
    matrix<float> before(std::min(block_rows, r.rows), r.columns);
    matrix<float> panel(std::min(panel_rows, channels_), channels_);
    for (std::size_t row = 0; row < r.rows; row += block_rows) {
      auto const part = r.row_block(row, std::min(block_rows, r.rows - row));
      auto const copy = before.view().row_block(0, part.rows);
      as_eigen(copy) = as_eigen(part);
      for (std::size_t first = 0; first < channels_; first += panel_rows) {
        auto const rounded = panel.view().row_block(0, std::min(panel_rows, channels_ - first));
        parallel_for(threads_of(on), rounded.rows, [&](std::size_t i) {
          std::transform(&sums_(first + i, 0), &sums_(first + i, 0) + channels_, rounded.row(i),
                         [scale](double value) { return static_cast<float>(scale * value); });
        });
        dense_product(on, 1.0F, as_is(columns(copy, first, rounded.rows)), as_is(rounded), first == 0 ? 0.0F : 1.0F,
                      part);
      }
    }
  }

  /// Q_i = polar(C_i), in the place of C.
  template <execution_policy P, class Sum>
  void solve(P const& on, matrix<Sum>& sums, bool shared) const {
    std::size_t const area = block_ * block_;
    for (std::size_t first = block_; shared && first < channels_; first += block_) {
      std::transform(sums.data(), sums.data() + area, &sums(first, 0), sums.data(), std::plus<>());
    }
    for (std::size_t first = 0; first < channels_; first += block_) {
      auto const q = sums.view().row_block(first, block_);
      if (shared && first > 0) {
        std::copy_n(sums.data(), area, q.data);
      } else {
        nearest_orthogonal(on, q, q);
      }
    }
  }

  /// R <- R diag(Q_1, ..., Q_k), in blocks of rows.
  template <execution_policy P, class Sum, class T>
  void turn_by(P const& on, matrix<Sum>& sums, matrix_view<T> r, bool shared) const {
    solve(on, sums, shared);
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
      for (std::size_t first = 0; first < channels_; first += block_) {
        multiply(on, columns(from, first, block_), sums.view().row_block(first, block_), columns(to, first, block_));
      }
      for (std::size_t i = 0; i < part.rows; ++i) {
        std::transform(to.row(i), to.row(i) + r.columns, part.row(i), [](Sum value) { return static_cast<T>(value); });
      }
    }
  }

  double alpha_;
  std::size_t channels_;
  std::size_t block_;
  bool single_;
  matrix<double> sums_;
};

}  // namespace dfrot
