#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/dense_product.hpp>
#include <dfrot/optimize/gptq/gptq_factor.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::detail {

/// GPTQ for up to 128 rows of a weight: the part that one thread does. With D = W - Q, and columns in the order of the factor,
///   S_j = sum over i < j of D_i A_ij,   w_j + S_j / A_jj is quantized to q_j,   e_j = A_jj (w_j + S_j / A_jj - q_j)
/// so that column j of D A is -e_j, and the sum of e^2 is tr(D A A^T D^T). Sums of earlier blocks are one product; within a block,
/// they are kept transposed, so that loops run over rows.
/// There are always 128 rows in memory, zeros at the end, so that what becomes of a row does not depend on how many there are.
template <class P, class Scheme, class W, class T, class Scale>
class gptq_rows {
 public:
  static constexpr std::size_t most_rows = 128;
  static constexpr std::size_t most_columns = 128;

  /// @param on a policy of one thread   @param w up to 128 rows   @param out codes, one a byte, scales and zero points of these rows
  gptq_rows(P const& on, Scheme const& scheme, gptq_factor<T> const& factor, matrix_view<W const> w,
            quantized_rows<std::int8_t, Scale> const& out)
      : on_(on),
        scheme_(scheme),
        factor_(factor),
        w_(w),
        out_(out),
        group_(group_size(scheme, w.columns)),
        updates_scales_(factor.options().scales == gptq_scales::updated && !factor.options().act_order &&
                        group_ < w.columns),
        difference_(most_rows, w.columns),
        product_(most_rows, most_columns),
        sums_(most_columns, most_rows),
        steps_(most_columns, most_rows) {}

  /// Quantizes the rows. Returns the first one whose weights overflow on the way, or all_finite.
  [[nodiscard]] std::size_t run() {
    if (!updates_scales_ && factor_.options().scales != gptq_scales::given) {
      static_cast<void>(quantize_rows(on_, scheme_, w_, out_));
    }
    for (std::size_t first = 0; first < w_.columns;) {
      std::size_t const count = block_at(first);
      if (updates_scales_ && group_ > most_columns && first % group_ == 0) {
        find_scales_of_long_group(first);
      }
      if (bad_row_ != all_finite) {
        return bad_row_;
      }
      add_earlier_blocks(first, count);
      for (std::size_t k = 0; k < count; ++k) {
        if (updates_scales_ && group_ <= most_columns && (first + k) % group_ == 0) {
          std::size_t const size = std::min(group_, w_.columns - first - k);
          current_ = matrix<float>(w_.rows, size);
          foresee(first + k, size, k, 0);
          find_scales(first + k);
          if (bad_row_ != all_finite) {
            return bad_row_;
          }
        }
        quantize_column(first, k, count);
      }
      keep_steps(first, count);
      first += count;
    }
    auto const bad = std::find_if_not(errors_.begin(), errors_.begin() + static_cast<std::ptrdiff_t>(w_.rows),
                                      [](double const& error) { return is_finite(error); });
    auto const row = static_cast<std::size_t>(bad - errors_.begin());
    return row < w_.rows ? row : all_finite;
  }

  /// The sum of e^2 of a row, once run() is through.
  [[nodiscard]] double error(std::size_t row) const { return errors_[row]; }

 private:
  /// How many columns the block at `first` has: whole groups, or, of a longer group, a part.
  [[nodiscard]] std::size_t block_at(std::size_t first) const {
    std::size_t size = most_columns;
    if (updates_scales_) {
      size = group_ <= most_columns ? most_columns / group_ * group_ : std::min(size, group_ - first % group_);
    }
    return std::min(size, w_.columns - first);
  }

  /// The weight of a row at place i of the order.
  [[nodiscard]] T weight(std::size_t row, std::size_t column) const {
    return factor_.is_dead(column) ? T(0) : static_cast<T>(load(w_(row, column)));
  }

  /// S <- D A over the columns before a block, for the columns of the block.
  void add_earlier_blocks(std::size_t first, std::size_t count) {
    if (first == 0) {
      std::fill_n(sums_.data(), count * most_rows, T(0));
      return;
    }
    auto const product = column_block(product_.view(), 0, count);
    dense_product(on_, T(1), as_is(column_block(difference_.view(), 0, first)),
                  as_is(block_of(factor_.upper(), 0, first, first, count)), T(0), product);
    for (std::size_t i = 0; i < most_rows; ++i) {
      for (std::size_t k = 0; k < count; ++k) {
        sums_(k, i) = product(i, k);
      }
    }
  }

  /// sums_k += a d for all rows.
  static void add_column(T a, T const* d, T* sums) {
    for (std::size_t i = 0; i < most_rows; ++i) {
      sums[i] += a * d[i];
    }
  }

  /// The weights of `count` columns from place `first` as they are now: what would be best if they were not quantized.
  ///   D_j = -(S_j + sum over i in first … j - 1 of D_i A_ij) / A_jj,   w_j - D_j goes to column j - first + to of current_
  /// @param k where the sums of `first` are. Leaves D_j in steps_.
  void foresee(std::size_t first, std::size_t count, std::size_t k, std::size_t to) {
    auto const a = factor_.upper();
    foreseen_ = matrix<T>(count, most_rows);
    std::copy_n(&sums_(k, 0), count * most_rows, foreseen_.data());
    for (std::size_t j = 0; j < count; ++j) {
      T* const d = &foreseen_(j, 0);
      T const inverse = T(-1) / a(first + j, first + j);
      for (std::size_t i = 0; i < most_rows; ++i) {
        d[i] *= inverse;
      }
      for (std::size_t l = j + 1; l < count; ++l) {
        add_column(a(first + j, first + l), d, &foreseen_(l, 0));
      }
      std::size_t const column = factor_.column(first + j);
      for (std::size_t i = 0; i < w_.rows; ++i) {
        current_(i, to + j) = static_cast<float>(weight(i, column) - d[i]);
      }
    }
  }

  /// For a group of several blocks: the same block by block, with D of the group in its place until it is quantized.
  void find_scales_of_long_group(std::size_t first) {
    std::size_t const size = std::min(group_, w_.columns - first);
    current_ = matrix<float>(w_.rows, size);
    for (std::size_t done = 0; done < size;) {
      std::size_t const count = std::min(most_columns, size - done);
      add_earlier_blocks(first + done, count);
      foresee(first + done, count, 0, done);
      std::copy_n(foreseen_.data(), count * most_rows, steps_.data());
      keep_steps(first + done, count);
      done += count;
    }
    find_scales(first);
  }

  /// Scales and zero points of the group that begins at a column, from current_.
  void find_scales(std::size_t first) {
    std::size_t const g = first / group_;
    matrix<std::int8_t> codes(w_.rows, current_.columns());
    auto scales = column_block(out_.scales, g, 1);
    auto zeros = out_.zero_points.data == nullptr ? out_.zero_points : column_block(out_.zero_points, g, 1);
    bad_row_ = quantize_rows(on_, scheme_, matrix_view<float const>(current_.view()),
                             quantized_rows<std::int8_t, Scale>{codes.view(), scales, zeros});
  }

  /// Quantizes place first + k, and adds what it leaves to the rest of its block.
  void quantize_column(std::size_t first, std::size_t k, std::size_t count) {
    auto const a = factor_.upper();
    std::size_t const place = first + k;
    std::size_t const column = factor_.column(place);
    std::size_t const g = column / group_;
    T const diagonal = a(place, place);
    T const inverse = T(1) / diagonal;
    T* const d = &steps_(k, 0);
    T const* const sums = &sums_(k, 0);
    for (std::size_t i = 0; i < w_.rows; ++i) {
      T const original = weight(i, column);
      T const wanted = original + sums[i] * inverse;
      auto const grid =
          scheme_.template grid<float>(out_.scales(i, g), scheme_.has_zero_points() ? out_.zero_points(i, g) : 0);
      auto const rounded = static_cast<float>(wanted);
      std::int8_t const code = is_finite(rounded) ? grid.encode(rounded) : std::int8_t{0};
      auto const value = static_cast<T>(grid.decode(code));
      out_.codes(i, column) = code;
      d[i] = original - value;
      double const error =
          static_cast<double>(diagonal) * static_cast<double>(is_finite(rounded) ? wanted - value : T(rounded));
      errors_[i] += error * error;
    }
    for (std::size_t l = k + 1; l < count; ++l) {
      add_column(a(place, first + l), d, &sums_(l, 0));
    }
  }

  /// D of a block, transposed back to rows.
  void keep_steps(std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < w_.rows; ++i) {
      for (std::size_t k = 0; k < count; ++k) {
        difference_(i, first + k) = steps_(k, i);
      }
    }
  }

  P const& on_;
  Scheme const& scheme_;
  gptq_factor<T> const& factor_;
  matrix_view<W const> w_;
  quantized_rows<std::int8_t, Scale> out_;
  std::size_t group_;
  bool updates_scales_;
  matrix<T> difference_;  // D
  matrix<T> product_;
  matrix<T> sums_;   // S of a block, transposed
  matrix<T> steps_;  // D of a block, transposed
  matrix<T> foreseen_;
  matrix<float> current_;
  std::array<double, most_rows> errors_{};
  std::size_t bad_row_ = all_finite;
};

}  // namespace dfrot::detail
