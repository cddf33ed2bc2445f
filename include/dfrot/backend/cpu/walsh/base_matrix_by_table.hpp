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

/// A base matrix by tables of sums (sign_table_product) for orders whose signs are read at run time, once for all rows that
/// it multiplies.
/// @tparam Registers of columns at a time   @tparam InPairs of Paley's second construction, whose outputs come in pairs
template <class Arch, std::size_t Registers, bool InPairs>
class base_matrix_by_table {
 public:
  using lanes = float_lanes<Arch>;

  /// Bytes that a base matrix of this order works in.
  [[nodiscard]] static constexpr std::size_t room(std::size_t base) {
    std::size_t const count = InPairs ? base / 2 : base;
    std::size_t const words = keeps_words(count) ? (count + block - 1) / block * count : count;
    return product::room(count) * sizeof(float) + words * sizeof(std::uint32_t);
  }

  /// @param memory room(order.base()) bytes, from a multiple of 64 on   @pre of Paley's or Williamson's construction
  base_matrix_by_table(hadamard_order const& order, bool transpose, float scale, std::byte* memory)
      : order_(order),
        transpose_(transpose),
        base_(order.base()),
        count_(InPairs ? base_ / 2 : base_),
        scale_(lanes::broadcast(scale)),
        multiply_(reinterpret_cast<float*>(memory)),
        words_(reinterpret_cast<std::uint32_t*>(memory + product::room(count_) * sizeof(float))) {
    for (std::size_t first = 0; keeps_words(count_) && first < count_; first += block) {
      read_words(first, words_ + first / block * count_);
    }
  }

  /// Multiplies all columns of K runs of `columns` values, in place.
  DFROT_CPU_APART void operator()(float* values, std::size_t columns) {
    for (std::size_t first = 0; first < columns; first += InPairs ? width : Registers * width) {
      multiply(base_matrix_columns{values, columns, first});
    }
  }

 private:
  static_assert(!InPairs || Registers == 2);
  static constexpr std::size_t width = lanes::width;
  using product = sign_table_product<Arch, Registers>;
  using registers = typename product::columns;
  static constexpr std::size_t block = product::block;
  /// Signs as bits, all of them up to 8 KiB; of larger matrices those of one block, read anew for each group of columns.
  static constexpr bool keeps_words(std::size_t count) { return count <= 256; }

  /// Registers of the runs, from one column on: only what lies in a run.
  struct base_matrix_columns {
    float* values;
    std::size_t columns;
    std::size_t first;

    [[nodiscard]] lanes load(std::size_t i, std::size_t s = 0) const {
      std::size_t const column = first + s * width;
      float const* const run = values + i * columns;
      if (column + width <= columns) {
        return lanes::load(run + column);
      }
      return column < columns ? lanes::load(run + column, columns - column) : lanes::zero();
    }
    void store(lanes const& value, std::size_t i, std::size_t s = 0) const {
      std::size_t const column = first + s * width;
      float* const run = values + i * columns;
      if (column + width <= columns) {
        value.store(run + column);
      } else if (column < columns) {
        value.store(run + column, columns - column);
      }
    }
  };

  /// The signs that the inputs first … first + 31 have in each of the outputs. An output of the transpose is a row of H; one
  /// of H is a column, that is the row with its signs changed outside its own block: Paley's first matrix is I plus a skew
  /// matrix, and Williamson's array is skew but for the four symmetric blocks on its diagonal.
  void read_words(std::size_t first, std::uint32_t* words) const {
    if constexpr (InPairs) {
      for (std::size_t c = 0; c < count_; ++c) {
        words[c] = conference_word(first, c);
      }
    } else {
      std::uint32_t const changed = transpose_ ? 0 : ~std::uint32_t{0};
      for (std::size_t c = 0; c < count_; ++c) {
        words[c] = sign_word<Arch>(order_.base_row(c), base_, first) ^ changed;
      }
      if (!transpose_) {
        keep_own_blocks(first, words);
      }
    }
  }

  void keep_own_blocks(std::size_t first, std::uint32_t* words) const {
    std::size_t const size = order_.construction() == hadamard_construction::williamson ? base_ / 4 : 1;
    for (std::size_t begin = first / size * size; begin < std::min(first + block, count_); begin += size) {
      std::uint32_t const own = bits_between(begin, begin + size, first);
      for (std::size_t c = begin; c < begin + size; ++c) {
        words[c] ^= own;
      }
    }
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
  [[nodiscard]] auto words() {
    return [this](std::size_t first) -> std::uint32_t const* {
      if (keeps_words(count_)) {
        return words_ + first / block * count_;
      }
      read_words(first, words_);
      return words_;
    };
  }

  void multiply(base_matrix_columns const x) {
    if constexpr (InPairs) {  // u = a + b and v = a - b of each pair of inputs: (C + I) u - 2 b and (C + I) v - 2 a
      lanes const minus_twice_scale = scale_ * lanes::broadcast(-2.0F);
      multiply_(
          words(), count_,
          [x](std::size_t i) {
            lanes const a = x.load(2 * i);
            lanes const b = x.load(2 * i + 1);
            return registers{a + b, a - b};
          },
          [=, scale = scale_](std::size_t c, registers const& sum) {
            lanes const a = x.load(2 * c);
            lanes const b = x.load(2 * c + 1);
            x.store(fma(b, minus_twice_scale, sum[0] * scale), 2 * c);
            x.store(fma(a, minus_twice_scale, sum[1] * scale), 2 * c + 1);
          });
    } else {
      multiply_(
          words(), count_,
          [x](std::size_t i) {
            registers input;
            for (std::size_t s = 0; s < Registers; ++s) {
              input[s] = x.load(i, s);
            }
            return input;
          },
          [=, scale = scale_](std::size_t c, registers const& sum) {
            for (std::size_t s = 0; s < Registers; ++s) {
              x.store(sum[s] * scale, c, s);
            }
          });
    }
  }

  hadamard_order const& order_;
  bool transpose_;
  std::size_t base_;
  std::size_t count_;  ///< rows of signs
  lanes scale_;
  product multiply_;
  std::uint32_t* words_;
};

/// Registers of columns at a time, so that the sums take at most tuning::table_sum_bytes.
template <class Arch>
[[nodiscard]] constexpr std::size_t table_registers(std::size_t largest_base) {
  return largest_base * 2 * float_lanes<Arch>::width * sizeof(float) <= tuning::table_sum_bytes ? 2 : 1;
}

/// Calls body(table). @pre K <= LargestBase
template <class Table, std::size_t LargestBase, class Body>
DFROT_CPU_APART void with_table(hadamard_order const& order, bool transpose, float scale, Body const& body) {
  alignas(64) std::byte room[Table::room(LargestBase)];
  Table table(order, transpose, scale, room);
  body(table);
}

/// H_K by tables, with as many columns at a time as 64 KiB of stack allow. @pre K <= largest_table_base; not a Kronecker product
template <class Arch>
void multiply_by_table(hadamard_order const& order, bool transpose, float* values, std::size_t columns, float scale) {
  using half_as_wide = std::conditional_t<has<Arch, avx2>, avx2, Arch>;
  auto const with = [&]<class ArchOfBase, std::size_t LargestBase, bool InPairs>() {
    constexpr std::size_t registers = InPairs ? 2 : table_registers<ArchOfBase>(LargestBase);
    with_table<base_matrix_by_table<ArchOfBase, registers, InPairs>, LargestBase>(
        order, transpose, scale, [&](auto& table) { table(values, columns); });
  };
  if (order.construction() == hadamard_construction::paley_2) {
    order.base() <= 512 ? with.template operator()<Arch, 512, true>()
                        : with.template operator()<half_as_wide, largest_table_base, true>();
  } else if (order.base() <= 256) {
    with.template operator()<Arch, 256, false>();
  } else if (order.base() <= 704) {
    with.template operator()<Arch, 704, false>();
  } else {
    with.template operator()<half_as_wide, largest_table_base, false>();
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
