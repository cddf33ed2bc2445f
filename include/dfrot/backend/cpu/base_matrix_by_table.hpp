#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/float_lanes.hpp>
#include <dfrot/backend/cpu/isa.hpp>
#include <dfrot/backend/cpu/sign_table_product.hpp>
#include <dfrot/backend/cpu/sign_words.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The largest base that tables serve, by the stack they take: 2 N registers of sums.
inline constexpr std::size_t largest_table_base = 1024;

/// A base matrix by tables of sums (sign_table_product) for orders whose signs are read at run time.
template <class Arch, std::size_t LargestBase>
class base_matrix_by_table {
 public:
  using lanes = float_lanes<Arch>;

  /// @pre K <= LargestBase, of Paley's or Williamson's construction
  base_matrix_by_table(hadamard_order const& order, bool transpose, float* values, float scale)
      : base_(order.base()), rest_(order.rest()), values_(values), scale_(lanes::broadcast(scale)) {
    if (order.construction() == hadamard_construction::paley_2) {
      read_conference_signs(order);
      for (std::size_t column = 0; column < rest_; column += width) {
        paley_2_columns(column);
      }
    } else {
      read_signs(order, transpose);
      for (std::size_t column = 0; column < rest_; column += 2 * width) {
        columns(column);
      }
    }
  }

 private:
  static constexpr std::size_t width = lanes::width;
  using product = sign_table_product<Arch, LargestBase>;
  using two_lanes = typename product::two_lanes;

  /// An output of the transpose is a row of H; one of H is a column, that is the row with its signs changed outside its
  /// own block: Paley's first matrix is I plus a skew matrix, and Williamson's array is skew but for the four symmetric
  /// blocks on its diagonal.
  void read_signs(hadamard_order const& order, bool transpose) {
    std::size_t const block = order.construction() == hadamard_construction::williamson ? base_ / 4 : 1;
    for (std::size_t first = 0; first < base_; first += 32) {
      for (std::size_t c = 0; c < base_; ++c) {
        std::uint32_t const word = sign_word<Arch>(order.base_row(c), base_, first);
        std::uint32_t const own = bits_between(c / block * block, c / block * block + block, first);
        words_[first / 32 * base_ + c] = transpose ? word : word ^ ~own;
      }
    }
  }

  /// C + I of Paley's second matrix, C (x) [1 1; 1 -1] + I (x) [1 -1; -1 -1]: every second sign of every second row.
  void read_conference_signs(hadamard_order const& order) {
    std::size_t const count = base_ / 2;
    for (std::size_t first = 0; first < count; first += 32) {
      for (std::size_t c = 0; c < count; ++c) {
        std::int8_t const* const row = order.base_row(2 * c);
        std::uint32_t word = even_bits(sign_word<Arch>(row, base_, 2 * first));
        if (2 * first + 32 < base_) {
          word |= even_bits(sign_word<Arch>(row, base_, 2 * first + 32)) << 16;
        }
        words_[first / 32 * count + c] = word;
      }
    }
  }

  /// With u = a + b and v = a - b of each pair of inputs: (C + I) u - 2 b and (C + I) v - 2 a.
  void paley_2_columns(std::size_t column) {
    lanes const minus_twice_scale = scale_ * lanes::broadcast(-2.0F);
    multiply_(
        words_, base_ / 2,
        [&](std::size_t i) {
          lanes const a = load(2 * i, column);
          lanes const b = load(2 * i + 1, column);
          return two_lanes{a + b, a - b};
        },
        [&](std::size_t c, two_lanes const& sum) {
          lanes const a = load(2 * c, column);
          lanes const b = load(2 * c + 1, column);
          store(fma(b, minus_twice_scale, sum[0] * scale_), 2 * c, column);
          store(fma(a, minus_twice_scale, sum[1] * scale_), 2 * c + 1, column);
        });
  }

  void columns(std::size_t column) {
    multiply_(
        words_, base_,
        [&](std::size_t i) {
          return two_lanes{load(i, column), load(i, column + width)};
        },
        [&](std::size_t c, two_lanes const& sum) {
          store(sum[0] * scale_, c, column);
          store(sum[1] * scale_, c, column + width);
        });
  }

  /// A register of run i at a column: only what lies in the run.
  lanes load(std::size_t i, std::size_t column) const {
    float const* const run = values_ + i * rest_;
    if (column + width <= rest_) {
      return lanes::load(run + column);
    }
    return column < rest_ ? lanes::load(run + column, rest_ - column) : lanes::zero();
  }
  void store(lanes const& value, std::size_t i, std::size_t column) const {
    float* const run = values_ + i * rest_;
    if (column + width <= rest_) {
      value.store(run + column);
    } else if (column < rest_) {
      value.store(run + column, rest_ - column);
    }
  }

  std::size_t base_;
  std::size_t rest_;
  float* values_;
  lanes scale_;
  product multiply_;
  std::uint32_t words_[LargestBase * (LargestBase / 32)];
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
