#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// How much a tensor of activations is made of outliers, summed up while its rows stream by: what makes it hard to quantize.
///   max norm = max |x|,   kurtosis = mean (x - mean)^4 / variance^2   (3 for normal numbers, 1.8 for uniform ones)
/// Determinism: bitwise for any split of the rows into calls; combined parts may round otherwise.
/// Source: Bondarenko, Nagel, Blankevoort (Quantizable Transformers), arXiv 2306.12929; updating sums of powers: Pébay,
/// Sandia report SAND2008-6212.
class outlier_metrics {
 public:
  /// Adds rows. @param x (m x n) float, half or bfloat16   Complexity: O(m n).
  /// Throws: std::invalid_argument on shape, and for a value that is not finite, naming its row over all calls; nothing is added
  /// then.
  template <storage T>
  requires std::is_same_v < arithmetic_t<T>,
  float > DFROT_PER_ISA void add(matrix_view<T> x) {
    check_stride("activations", x);
    for (std::size_t i = 0; i < x.rows; ++i) {
      for (std::size_t j = 0; j < x.columns; ++j) {
        expects(is_finite(x(i, j)), "row ", rows_ + i, ", column ", j, " holds ", load(x(i, j)),
                ": activations must be finite");
      }
    }
    for (std::size_t i = 0; i < x.rows; ++i) {
      outlier_metrics row;
      row.count_ = static_cast<double>(x.columns);
      for (std::size_t j = 0; j < x.columns; ++j) {
        double const value = static_cast<double>(load(x(i, j)));
        row.mean_ += value / row.count_;
        row.largest_ = std::max(row.largest_, std::fabs(value));
      }
      for (std::size_t j = 0; j < x.columns; ++j) {
        double const d = static_cast<double>(load(x(i, j))) - row.mean_;
        row.second_ += d * d;
        row.third_ += d * d * d;
        row.fourth_ += d * d * d * d;
      }
      row.row_peaks_ = row.largest_;
      row.rows_ = 1;
      combine(row);
    }
  }

  /// Adds what another part of the tokens gave.
  DFROT_PER_ISA void combine(outlier_metrics const& other) {
    rows_ += other.rows_;
    row_peaks_ += other.row_peaks_;
    largest_ = std::max(largest_, other.largest_);
    double const n = count_ + other.count_;
    if (other.count_ == 0) {
      return;
    }
    double const d = other.mean_ - mean_;
    double const a = count_ / n;
    double const b = other.count_ / n;
    double const pair = d * d * count_ * b;  // d^2 n_a n_b / n
    fourth_ += other.fourth_ + pair * d * d * (a * a - a * b + b * b) +
               6 * d * d * (a * a * other.second_ + b * b * second_) + 4 * d * (a * other.third_ - b * third_);
    third_ += other.third_ + pair * d * (a - b) + 3 * d * (a * other.second_ - b * second_);
    second_ += other.second_ + pair;
    mean_ += d * b;
    count_ = n;
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t rows() const { return rows_; }
  /// max |x|; 0 without rows.
  [[nodiscard]] DFROT_PER_ISA double max_norm() const { return largest_; }
  /// The mean of the rows' max |x|; 0 without rows.
  [[nodiscard]] DFROT_PER_ISA double mean_row_max_norm() const {
    return rows_ == 0 ? 0 : row_peaks_ / static_cast<double>(rows_);
  }
  /// 0 where all values are equal, or there are none.
  [[nodiscard]] DFROT_PER_ISA double kurtosis() const {
    return second_ > 0 ? count_ * fourth_ / (second_ * second_) : 0;
  }

 private:
  std::size_t rows_ = 0;
  double row_peaks_ = 0;
  double largest_ = 0;
  double count_ = 0;
  double mean_ = 0;
  double second_ = 0;  // sums of powers of x - mean
  double third_ = 0;
  double fourth_ = 0;
};

}  // namespace dfrot
