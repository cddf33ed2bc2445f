#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <type_traits>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/linalg/detail/symmetric.hpp>

namespace dfrot {

/// The Gram matrix of calibration tokens, summed up while they stream by:
///   H = sum over tokens of x^T x
/// It measures errors of weights: ||X E^T||^2 = tr(E H E^T). Rows are gathered in blocks of 512, so that calls may bring any
/// number of them.
/// Precision: each element is a sum of N products, in parts of 128 that are added up in T:
///   |error of H_ij| <= (128 + N / 128) u sum |x_i x_j|,   u = 6e-8 for float, 1e-16 for double
/// Memory: n^2 + 512 n values of T.
/// Determinism: bitwise for any number of threads and any split of the rows into calls; sums of several parts that are combined in
/// one order have the same bytes wherever the parts were added up. Another instruction set rounds otherwise.
/// Source: Frantar et al. (GPTQ), arXiv 2210.17323, section 3.
template <dense_scalar T = float>
class gram_sums {
 public:
  static constexpr std::size_t block_rows = 512;

  /// @param channels n   Throws: std::bad_alloc.
  explicit gram_sums(std::size_t channels) : sums_(channels, channels), block_(block_rows, channels) {}

  [[nodiscard]] std::size_t channels() const { return sums_.columns(); }
  /// The tokens that were added.
  [[nodiscard]] std::size_t tokens() const { return tokens_; }

  /// Adds rows: H += X^T X.
  /// @param on where to run (host)   @param x (m x n) float, double, half or bfloat16
  /// Complexity: m n^2 operations.
  /// Throws: std::invalid_argument on shape, or for a value that is not finite, naming its row over all calls; nothing is added
  /// then.
  template <execution_policy P, storage S>
  void add(P const& on, matrix_view<S> x) {
    check_policy<host_space>(on);
    check_shape("calibration rows", x, x.rows, channels());
    matrix_view<std::remove_const_t<S> const> const read = x;
    reject_non_finite(read, first_non_finite_row(read), tokens_);
    for (std::size_t first = 0; first < x.rows;) {
      std::size_t const count = std::min(x.rows - first, block_rows - waiting_);
      parallel_for(threads_of(on), count, [&](std::size_t i) {
        std::transform(x.row(first + i), x.row(first + i) + x.columns, block_.view().row(waiting_ + i),
                       [](S value) { return static_cast<T>(load(value)); });
      });
      waiting_ += count;
      first += count;
      if (waiting_ == block_rows) {
        flush(on);
      }
    }
    tokens_ += x.rows;
  }

  /// Adds the sums of another part of the tokens; ends the block of both.
  /// Throws: std::invalid_argument for another number of channels.
  template <execution_policy P>
  void combine(P const& on, gram_sums& other) {
    expects(other.channels() == channels(), "gram: sums of ", other.channels(),
            " channels cannot be added to those of ", channels());
    flush(on);
    other.flush(on);
    parallel_for(threads_of(on), channels(), [&](std::size_t i) {
      std::transform(&sums_(i, 0), &sums_(i, 0) + i + 1, &other.sums_(i, 0), &sums_(i, 0), std::plus<>());
    });
    tokens_ += other.tokens_;
  }

  /// H (n x n), symmetric to the bit; ends the block: rows that are added later begin another. To be changed by who adds the sums
  /// of other machines (the lower triangle counts).   Complexity: O(n^2), and the waiting rows.
  template <execution_policy P>
  [[nodiscard]] matrix_view<T> values(P const& on) {
    flush(on);
    detail::mirror_lower(threads_of(on), sums_.view());
    return sums_.view();
  }

 private:
  template <execution_policy P>
  void flush(P const& on) {
    if (waiting_ > 0) {
      matrix_view<T const> const rows = block_.view().row_block(0, waiting_);
      detail::symmetric_product<true>(on, T(1), rows, T(1), sums_.view());
      waiting_ = 0;
    }
  }

  matrix<T> sums_;
  matrix<T> block_;
  std::size_t waiting_ = 0;
  std::size_t tokens_ = 0;
};

}  // namespace dfrot
