#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The product of a matrix of signs, known at run time, with one or two registers of columns,
///   y_c = sum_a sign(c, a) x_a
/// by the method of the four Russians: of each four inputs all 16 signed sums go into a table, so that an output takes
/// one addition for four inputs. Inputs go in blocks of 32, which also keeps the sums short.
/// Complexity: N / 4 + 5 additions a value, each with a load from the first-level cache.
/// Source: Arlazarov, Dinic, Kronrod, Faradzev, "On economical construction of the transitive closure of a directed
/// graph", 1970.
template <class Arch, std::size_t Registers>
class sign_table_product {
 public:
  using lanes = float_lanes<Arch>;
  using columns = std::array<lanes, Registers>;
  static constexpr std::size_t block = 32;

  /// Floats that a product of `count` inputs works in.
  [[nodiscard]] static constexpr std::size_t room(std::size_t count) { return (8 * 16 + count) * Registers * width; }

  /// @param memory of room(count) floats, from a multiple of 64 bytes on
  explicit sign_table_product(float* memory) : table_(memory), sums_(memory + 8 * 16 * Registers * width) {}

  /// @param words words(first): `count` words for the inputs from `first` on; bit i of word c is set where
  /// sign(c, first + i) is negative
  /// @param count N   @param input input(a): the registers, read once each in order
  /// @param output output(c, y): called once for every c in order, when all inputs are read
  template <class Words, class Input, class Output>
  void operator()(Words const& words, std::size_t count, Input const& input, Output const& output) const {
    sign_table_product const own = *this;  // in registers: stores might change what `this` points to
    own.multiply(words, count, input, output);
  }

 private:
  static constexpr std::size_t width = lanes::width;

  template <class Words, class Input, class Output>
  DFROT_CPU_INLINE void multiply(Words const& words, std::size_t count, Input const& input,
                                 Output const& output) const {
    for (std::size_t first = 0; first < count; first += block) {
      std::size_t const inputs = std::min(block, count - first);
      std::size_t const groups = (inputs + 3) / 4;
      for (std::size_t g = 0; g < groups; ++g) {
        fill(g, std::min<std::size_t>(4, inputs - 4 * g), [&](std::size_t i) { return input(first + 4 * g + i); });
      }
      std::uint32_t const* const word = words(first);
      bool const is_last = first + block >= count;
      for (std::size_t c = 0; c < count; ++c) {
        columns sum = groups == 8 ? sum_of_8(word[c]) : sum_of(word[c], groups);
        for (std::size_t s = 0; s < Registers; ++s) {
          float* const so_far = sums_ + (Registers * c + s) * width;
          if (first > 0) {
            sum[s] = sum[s] + lanes::load(so_far);
          }
          if (!is_last) {
            sum[s].store(so_far);
          }
        }
        if (is_last) {
          output(c, sum);
        }
      }
    }
  }

  /// The 16 sums of +-x_0 +-x_1 +-x_2 +-x_3; bit i of an entry's number is set where x_i is negative.
  template <class Input>
  DFROT_CPU_INLINE void fill(std::size_t group, std::size_t inputs, Input const& input) const {
    columns none;
    none.fill(lanes::zero());
    columns const x0 = input(0);
    columns const x1 = inputs > 1 ? input(1) : none;
    columns const x2 = inputs > 2 ? input(2) : none;
    columns const x3 = inputs > 3 ? input(3) : none;
    for (std::size_t s = 0; s < Registers; ++s) {
      lanes const upper[4] = {x2[s] + x3[s], x3[s] - x2[s], x2[s] - x3[s], lanes::zero() - (x2[s] + x3[s])};
      lanes const sum = x0[s] + x1[s];
      lanes const difference = x0[s] - x1[s];
      for (std::size_t k = 0; k < 4; ++k) {
        float* const to = entry(group, 4 * k) + s * width;
        (upper[k] + sum).store(to);
        (upper[k] - difference).store(to + Registers * width);
        (upper[k] + difference).store(to + 2 * Registers * width);
        (upper[k] - sum).store(to + 3 * Registers * width);
      }
    }
  }

  [[nodiscard]] float* entry(std::size_t group, std::size_t number) const {
    return table_ + (group * 16 + number) * Registers * width;
  }

  [[nodiscard]] DFROT_CPU_INLINE columns sum_of(std::uint32_t word, std::size_t groups) const {
    columns sum;
    DFROT_CPU_UNROLL
    for (std::size_t s = 0; s < Registers; ++s) {
      sum[s] = lanes::load(entry(0, 0) + offset(word) + s * width);
    }
    for (std::size_t g = 1; g < groups; ++g) {
      std::size_t const at = offset(word >> (4 * g));
      DFROT_CPU_UNROLL
      for (std::size_t s = 0; s < Registers; ++s) {
        sum[s] = sum[s] + lanes::load(entry(g, 0) + at + s * width);
      }
    }
    return sum;
  }
  /// Of the entry that the lowest four bits of a word number.
  [[nodiscard]] static std::size_t offset(std::uint32_t word) {
    return (word & 15U) * std::uint32_t{Registers * width};
  }
  [[nodiscard]] columns sum_of_8(std::uint32_t word) const { return sum_of(word, 8); }

  float* table_;
  float* sums_;
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
