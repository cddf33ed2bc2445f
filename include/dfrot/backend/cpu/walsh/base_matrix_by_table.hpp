#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/tuning.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/sign_table_product.hpp>
#include <dfrot/backend/cpu/walsh/sign_words.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The largest base that tables serve.
inline constexpr std::size_t largest_table_base = 1024;

/// A base matrix by tables of sums (sign_table_product) for orders whose signs are read at run time. The product keeps all
/// sums of its columns on the stack, so that larger matrices take fewer columns at a time.
/// @tparam LargestCount of rows of signs: K, or K / 2 for Paley's second construction
/// @tparam Registers of columns at a time   @tparam InPairs of Paley's second construction, whose outputs come in pairs
template <class Arch, std::size_t LargestCount, std::size_t Registers, bool InPairs>
class base_matrix_by_table {
 public:
  using lanes = float_lanes<Arch>;

  /// @pre the rows of signs are at most LargestCount, of Paley's or Williamson's construction
  base_matrix_by_table(hadamard_order const& order, bool transpose, float* values, float scale)
      : order_(order),
        transpose_(transpose),
        base_(order.base()),
        rest_(order.rest()),
        values_(values),
        scale_(lanes::broadcast(scale)) {
    std::size_t const count = InPairs ? base_ / 2 : base_;
    if constexpr (keeps_words) {
      for (std::size_t first = 0; first < count; first += block) {
        read_words(first, count, words_ + first / block * count);
      }
    }
    for (std::size_t column = 0; column < rest_; column += InPairs ? width : Registers * width) {
      if constexpr (InPairs) {
        multiply_paley_2_columns(count, column);
      } else {
        multiply_columns(count, column);
      }
    }
  }

 private:
  static_assert(!InPairs || Registers == 2);
  static constexpr std::size_t width = lanes::width;
  using product = sign_table_product<Arch, LargestCount, Registers>;
  using columns = typename product::columns;
  static constexpr std::size_t block = product::block;
  /// Signs as bits, all of them up to 8 KiB; of larger matrices those of one block, read anew for each group of columns.
  static constexpr bool keeps_words = LargestCount <= 256;

  /// The signs that the inputs first … first + 31 have in each of the outputs.
  void read_words(std::size_t first, std::size_t count, std::uint32_t* words) const {
    if (order_.construction() == hadamard_construction::paley_2) {
      for (std::size_t c = 0; c < count; ++c) {
        words[c] = conference_word(first, c);
      }
      return;
    }
    std::size_t const own_block = order_.construction() == hadamard_construction::williamson ? base_ / 4 : 1;
    for (std::size_t c = 0; c < count; ++c) {
      words[c] = word_of_output(first, c, own_block);
    }
  }

  /// An output of the transpose is a row of H; one of H is a column, that is the row with its signs changed outside its
  /// own block: Paley's first matrix is I plus a skew matrix, and Williamson's array is skew but for the four symmetric
  /// blocks on its diagonal.
  [[nodiscard]] std::uint32_t word_of_output(std::size_t first, std::size_t c, std::size_t own_block) const {
    std::uint32_t const word = sign_word<Arch>(order_.base_row(c), base_, first);
    std::size_t const begin = c / own_block * own_block;
    return transpose_ ? word : word ^ ~bits_between(begin, begin + own_block, first);
  }

  /// C + I of Paley's second matrix, C (x) [1 1; 1 -1] + I (x) [1 -1; -1 -1]: every second sign of every second row.
  [[nodiscard]] std::uint32_t conference_word(std::size_t first, std::size_t c) const {
    std::int8_t const* const row = order_.base_row(2 * c);
    if (2 * (first + block) <= base_) {
      return sign_bits<Arch>::of_even_32(row + 2 * first);
    }
    std::uint32_t word = even_bits(sign_word<Arch>(row, base_, 2 * first));
    if (2 * first + block < base_) {
      word |= even_bits(sign_word<Arch>(row, base_, 2 * first + block)) << 16;
    }
    return word;
  }

  /// What the product asks for: a function of `first`.
  [[nodiscard]] auto words_of(std::size_t count) {
    return [this, count](std::size_t first) -> std::uint32_t const* {
      if constexpr (keeps_words) {
        return words_ + first / block * count;
      } else {
        read_words(first, count, words_);
        return words_;
      }
    };
  }

  /// With u = a + b and v = a - b of each pair of inputs: (C + I) u - 2 b and (C + I) v - 2 a.
  void multiply_paley_2_columns(std::size_t count, std::size_t column) {
    lanes const minus_twice_scale = scale_ * lanes::broadcast(-2.0F);
    multiply_(
        words_of(count), count,
        [&](std::size_t i) {
          lanes const a = load(2 * i, column);
          lanes const b = load(2 * i + 1, column);
          return columns{a + b, a - b};
        },
        [&](std::size_t c, columns const& sum) {
          lanes const a = load(2 * c, column);
          lanes const b = load(2 * c + 1, column);
          store(fma(b, minus_twice_scale, sum[0] * scale_), 2 * c, column);
          store(fma(a, minus_twice_scale, sum[1] * scale_), 2 * c + 1, column);
        });
  }

  void multiply_columns(std::size_t count, std::size_t column) {
    multiply_(
        words_of(count), count,
        [&](std::size_t i) {
          columns x;
          for (std::size_t s = 0; s < Registers; ++s) {
            x[s] = load(i, column + s * width);
          }
          return x;
        },
        [&](std::size_t c, columns const& sum) {
          for (std::size_t s = 0; s < Registers; ++s) {
            store(sum[s] * scale_, c, column + s * width);
          }
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

  hadamard_order const& order_;
  bool transpose_;
  std::size_t base_;
  std::size_t rest_;
  float* values_;
  lanes scale_;
  product multiply_;
  std::uint32_t words_[keeps_words ? LargestCount * (LargestCount / block) : LargestCount];
};

/// Registers of columns at a time, so that the sums take at most tuning::table_sum_bytes.
template <class Arch, std::size_t LargestCount>
inline constexpr std::size_t table_registers =
    LargestCount * 2 * float_lanes<Arch>::width * sizeof(float) <= tuning::table_sum_bytes ? 2 : 1;

template <class Arch, std::size_t LargestCount, bool InPairs,
          std::size_t Registers = table_registers<Arch, LargestCount>>
DFROT_CPU_APART void multiply_by_table_of(hadamard_order const& order, bool transpose, float* values, float scale) {
  base_matrix_by_table<Arch, LargestCount, Registers, InPairs>(order, transpose, values, scale);
}

/// H_K by tables, with as many columns at a time as 64 KiB of stack allow. @pre K <= largest_table_base; not a Kronecker product
template <class Arch>
void multiply_by_table(hadamard_order const& order, bool transpose, float* values, float scale) {
  using half_as_wide = std::conditional_t<has<Arch, avx2>, avx2, Arch>;
  if (order.construction() == hadamard_construction::paley_2) {
    if (order.base() <= 512) {
      multiply_by_table_of<Arch, 256, true>(order, transpose, values, scale);
    } else {
      multiply_by_table_of<half_as_wide, largest_table_base / 2, true, 2>(order, transpose, values, scale);
    }
  } else if (order.base() <= 256) {
    multiply_by_table_of<Arch, 256, false>(order, transpose, values, scale);
  } else if (order.base() <= 704) {
    multiply_by_table_of<Arch, 704, false>(order, transpose, values, scale);
  } else {
    multiply_by_table_of<half_as_wide, largest_table_base, false>(order, transpose, values, scale);
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
