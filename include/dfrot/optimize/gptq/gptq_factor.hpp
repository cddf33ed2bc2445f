#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/linalg/upper_factor.hpp>

namespace dfrot {

/// Where the scales of weights come from.
enum class gptq_scales : std::uint8_t {
  updated,   ///< of a group: from its weights as they are when its first column comes; of whole rows: as original
  original,  ///< from the weights that are given
  given,     ///< they are in the output already, such as search_clip() wrote them
};

/// Options of GPTQ.
struct gptq_options {
  /// Times the mean of H's diagonal, added to the diagonal. @pre > 0
  double damping = 0.01;
  /// Where no factor is found, the damping is doubled, up to this. @pre >= damping
  double most_damping = 1;
  /// Beyond that: true rounds each weight to the nearest code, false is an error.
  bool or_nearest = false;
  /// Columns in falling order of H's diagonal, the first of equals first. Groups stay those of neighbouring columns, and scales are
  /// those of the original weights where they would be `updated`.
  bool act_order = false;
  gptq_scales scales = gptq_scales::updated;
};

/// What GPTQ needs of the calibration tokens: made once for all weights that multiply the same activations (q, k and v).
///   H + damping mean(diag H) I = A A^T,   A upper triangular, its columns in the order in which they are quantized
/// Dead columns, H_jj = 0, which no token ever used, get the mean of the others on the diagonal: their weights are quantized
/// as 0.
/// Memory: n^2 values of T, beside the matrix that is given.
/// Source: Frantar et al. (GPTQ), arXiv 2210.17323, section 3.3; the factor without an inverse: Chee et al. (QuIP), arXiv 2307.13304,
/// theorem 6.
template <dense_scalar T>
class gptq_factor {
 public:
  /// @param on where to run (host)   @param h (n x n) symmetric, such as gram_sums gives; on and below the diagonal is read
  /// Complexity: n^3 / 3 operations a try.   Determinism: bitwise for any number of threads.
  /// Throws: std::invalid_argument on shape and options, for values that are not finite or a negative diagonal, and where no damping
  /// makes H positive definite; std::bad_alloc.
  template <execution_policy P>
  gptq_factor(P const& on, matrix_view<T const> h, gptq_options const& options = {}) : options_(options) {
    check_policy<host_space>(on);
    check(h);
    find_columns(h);
    upper_ = matrix<T>(h.rows, h.rows);
    for (damping_ = options.damping; damping_ <= options.most_damping; damping_ *= 2) {
      fill(threads_of(on), h);
      if (upper_factor(on, upper_)) {
        return;
      }
    }
    expects(options.or_nearest, "gptq: H is not positive definite with ", options.most_damping,
            " times the mean of its diagonal added; raise most_damping, add tokens, or set or_nearest");
    nearest_ = true;
    damping_ = options.most_damping;
    std::fill_n(upper_.data(), h.rows * h.rows, T(0));
    for (std::size_t i = 0; i < h.rows; ++i) {
      upper_(i, i) = std::sqrt(damped(h, i));
    }
  }

  [[nodiscard]] std::size_t channels() const { return order_.size(); }
  [[nodiscard]] gptq_options const& options() const { return options_; }
  /// A (n x n): above and on the diagonal.
  [[nodiscard]] matrix_view<T const> upper() const { return upper_.view(); }
  /// The column that is quantized at place i.
  [[nodiscard]] std::size_t column(std::size_t i) const { return order_[i]; }
  [[nodiscard]] bool is_dead(std::size_t column) const { return dead_[column] != 0; }
  [[nodiscard]] std::size_t dead_columns() const {
    return static_cast<std::size_t>(std::count(dead_.begin(), dead_.end(), 1));
  }
  /// The damping that a factor was found with, times the mean of the diagonal.
  [[nodiscard]] double damping() const { return damping_; }
  /// The mean of the diagonal over columns that are not dead; 1 if all are.
  [[nodiscard]] double mean_diagonal() const { return mean_; }
  /// True if no factor was found: weights are rounded to the nearest codes.
  [[nodiscard]] bool is_nearest() const { return nearest_; }

 private:
  void check(matrix_view<T const> h) const {
    check_shape("gptq: H", h, h.rows, h.rows);
    expects(options_.damping > 0 && options_.damping <= options_.most_damping && is_finite(options_.most_damping),
            "gptq: the damping is ", options_.damping, " to ", options_.most_damping,
            "; it must be above 0, and rise to a finite number");
    for (std::size_t i = 0; i < h.rows; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        expects(is_finite(h(i, j)), "gptq: H holds ", h(i, j), " in row ", i, ", column ", j, "; it must be finite");
      }
      expects(h(i, i) >= 0, "gptq: H holds ", h(i, i), " on the diagonal, in row ", i,
              "; sums of squares are not negative");
    }
  }

  /// Finds dead columns, the mean of the diagonal, and the order.
  void find_columns(matrix_view<T const> h) {
    dead_.resize(h.rows);
    double sum = 0;
    for (std::size_t i = 0; i < h.rows; ++i) {
      dead_[i] = h(i, i) == 0 ? 1 : 0;
      sum += static_cast<double>(h(i, i));
    }
    std::size_t const live = h.rows - dead_columns();
    mean_ = live == 0 ? 1 : sum / static_cast<double>(live);
    order_.resize(h.rows);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    if (options_.act_order) {
      std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return h(a, a) > h(b, b); });
    }
  }

  /// The diagonal at place i, damped.
  [[nodiscard]] T damped(matrix_view<T const> h, std::size_t i) const {
    std::size_t const column = order_[i];
    double const value = is_dead(column) ? mean_ : static_cast<double>(h(column, column));
    return static_cast<T>(value + damping_ * mean_);
  }

  /// The upper triangle of the damped H in the order of quantization.
  void fill(int threads, matrix_view<T const> h) {
    parallel_for(threads, h.rows, [&](std::size_t i) {
      std::size_t const row = order_[i];
      upper_(i, i) = damped(h, i);
      for (std::size_t j = i + 1; j < h.rows; ++j) {
        std::size_t const column = order_[j];
        upper_(i, j) = column > row ? h(column, row) : h(row, column);
      }
    });
  }

  gptq_options options_;
  std::vector<std::size_t> order_;
  std::vector<std::uint8_t> dead_;
  double mean_ = 1;
  double damping_ = 0;
  bool nearest_ = false;
  matrix<T> upper_;
};

template <execution_policy P, class T>
gptq_factor(P const&, matrix_view<T>) -> gptq_factor<std::remove_const_t<T>>;
template <execution_policy P, class T>
gptq_factor(P const&, matrix_view<T>, gptq_options const&) -> gptq_factor<std::remove_const_t<T>>;

}  // namespace dfrot
