#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/transform/construction/galois_field.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The pairs b, -b of paley_pairs in the order b = g^0, g^1, …, g^(count - 1), g the generator of GF(Q): with -1 = g^count,
///   C(g^i, g^j) = chi(g^i - g^j) = (-1)^i chi(1 - g^(j - i))
/// so that but for (-1)^i every row of the signs is the one above it shifted by one, and what leaves on the right comes
/// back on the left as its opposite: with the same sign for x_b + x_{-b}, with the other for x_b - x_{-b}.
template <std::size_t Q>
struct paley_cycle {
  static constexpr std::size_t count = (Q - 1) / 2;
  std::size_t plus[count] = {};   ///< the row and column of C that belongs to g^i
  std::size_t minus[count] = {};  ///< the one that belongs to -g^i
  int sign[count] = {};           ///< chi(1 - g^d); 0 for d = 0
  bool is_even[count] = {};       ///< chi(1 - g^d) = chi(1 + g^d): a term x_b + x_{-b}
  bool is_two_square = false;     ///< chi(2) = 1, so that C(g^i, -g^i) = (-1)^i; otherwise it is -(-1)^i

  constexpr paley_cycle() {
    galois_field const field(Q);
    galois_field::element power = 1;
    for (std::size_t d = 0; d < count; ++d) {
      galois_field::element const negative = field.subtract(0, power);
      plus[d] = 1 + power;
      minus[d] = 1 + negative;
      sign[d] = field.quadratic_character(field.subtract(1, power));
      is_even[d] = sign[d] == field.quadratic_character(field.subtract(1, negative));
      power = field.multiply(power, field.generator());
    }
    is_two_square = field.quadratic_character(field.add(1, 1)) == 1;
  }
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
