#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/transform/construction/galois_field.hpp>
#include <dfrot/transform/construction/paley.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The conference matrix C of order Q + 1 (see conference_entry), written for the sums and differences of x_b and
/// x_{-b}. GF(Q) is 0 and (Q - 1) / 2 pairs of elements b, -b. As C_ab = chi(a - b) and chi(-1) = 1, for a pair (a, -a) of
/// outputs
///   y_a = p + q,   y_{-a} = p - q
///   p = sum of C_ab (x_b + x_{-b}) over the pairs with C_ab = C_a,-b
///   q = sum of C_ab (x_b - x_{-b}) over the pairs with C_ab = -C_a,-b
/// that is one term for two inputs and two outputs. (C_aa = 0; kernels see to C_a,-a themselves.)
/// Pairs are numbered so that squares come first.
template <std::size_t Q>
struct paley_pairs {
  static constexpr std::size_t count = (Q - 1) / 2;
  std::size_t plus[count] = {};     ///< the row and column of C that belongs to b, the first of pair j
  std::size_t minus[count] = {};    ///< the one that belongs to -b
  bool is_square[count] = {};       ///< chi(b) = C(b, 0) = 1
  int opposite[count] = {};         ///< chi(2 b) = C(b, -b)
  int sign[count][count] = {};      ///< C(a, b) for output pair a and input pair b; 0 where they are the same
  bool is_even[count][count] = {};  ///< C(a, b) = C(a, -b): the term is in p

  constexpr paley_pairs() {
    galois_field const field(Q);
    std::size_t found = 0;
    for (int const chi : {1, -1}) {
      for (galois_field::element b = 1; b < Q; ++b) {
        galois_field::element const negative = field.subtract(0, b);
        if (b < negative && field.quadratic_character(b) == chi) {
          plus[found] = 1 + b;
          minus[found] = 1 + negative;
          is_square[found] = chi == 1;
          opposite[found] = conference_entry(field, 1 + b, 1 + negative);
          ++found;
        }
      }
    }
    for (std::size_t a = 0; a < count; ++a) {
      for (std::size_t b = 0; b < count; ++b) {
        sign[a][b] = conference_entry(field, plus[a], plus[b]);
        is_even[a][b] = sign[a][b] == conference_entry(field, plus[a], minus[b]);
      }
    }
  }
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
