#pragma once

#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/construction/galois_field.hpp>
#include <dfrot/transform/construction/sign_matrix.hpp>

namespace dfrot {

/// True if Paley's first construction reaches this order: order - 1 = q is a prime power with q = 3 mod 4.
/// Complexity: O(sqrt(order)).
[[nodiscard]] DFROT_PER_ISA constexpr bool is_paley_1_order(std::size_t order) {
  return order >= 4 && order % 4 == 0 && factor_prime_power(order - 1).prime != 0;
}

/// True if Paley's second construction reaches this order: order / 2 - 1 = q is a prime power with q = 1 mod 4.
/// Complexity: O(sqrt(order)).
[[nodiscard]] DFROT_PER_ISA constexpr bool is_paley_2_order(std::size_t order) {
  return order >= 12 && order % 4 == 0 && (order / 2 - 1) % 4 == 1 && factor_prime_power(order / 2 - 1).prime != 0;
}

/// A Hadamard matrix of order q + 1, by Paley's first construction: with chi the quadratic character of GF(q),
///   H = [1  1^T; -1  I + Q],   Q_ab = chi(a - b)
/// Q is skew since chi(-1) = -1, so that H - I is skew too.
/// @param order q + 1   @pre is_paley_1_order(order)
/// Complexity: O(k order^2), q = p^k.   Throws: std::invalid_argument on any other order.
/// Source: Paley, "On orthogonal matrices", 1933, lemma 2.
[[nodiscard]] DFROT_PER_ISA inline sign_matrix paley_1(std::size_t order) {
  expects(is_paley_1_order(order), "Paley's first construction does not reach order ", order,
          ": it takes a prime power plus 1, divisible by 4");
  galois_field const field(order - 1);
  sign_matrix result(order);
  for (galois_field::element a = 0; a < field.size(); ++a) {
    result.set(a + 1, 0, -1);
    for (galois_field::element b = 0; b < field.size(); ++b) {
      result.set(a + 1, b + 1, a == b ? 1 : field.quadratic_character(field.subtract(a, b)));
    }
  }
  return result;
}

/// Entry (i, j) of the conference matrix of order q + 1 over GF(q), q = 1 mod 4: with chi the quadratic character,
///   C = [0  1^T; 1  Q],   Q_ab = chi(a - b)
/// C is symmetric, since chi(-1) = 1 makes Q so, with zeros on its diagonal and signs elsewhere, and C C^T = q I.
/// @pre i, j <= q   Complexity: O(k), q = p^k.   Source: Paley, "On orthogonal matrices", 1933.
[[nodiscard]] constexpr int conference_entry(galois_field const& field, std::size_t i, std::size_t j) {
  if (i == 0 || j == 0) {
    return i == j ? 0 : 1;
  }
  auto const a = static_cast<galois_field::element>(i - 1);
  auto const b = static_cast<galois_field::element>(j - 1);
  return field.quadratic_character(field.subtract(a, b));
}

/// A Hadamard matrix of order 2 (q + 1), by Paley's second construction: with C the conference matrix of order q + 1,
///   H = C (x) [1 1; 1 -1] + I (x) [1 -1; -1 -1]
/// H is symmetric, since C is.
/// @param order 2 (q + 1)   @pre is_paley_2_order(order)
/// Complexity: O(k order^2), q = p^k.   Throws: std::invalid_argument on any other order.
/// Source: Paley, "On orthogonal matrices", 1933, lemma 3.
[[nodiscard]] DFROT_PER_ISA inline sign_matrix paley_2(std::size_t order) {
  expects(is_paley_2_order(order), "Paley's second construction does not reach order ", order,
          ": it takes twice a prime power plus 1, where that power is 1 mod 4");
  galois_field const field(order / 2 - 1);
  sign_matrix result(order);
  for (std::size_t i = 0; i < order / 2; ++i) {
    for (std::size_t j = 0; j < order / 2; ++j) {
      int const c = conference_entry(field, i, j);  // 0 on the diagonal only
      result.set(2 * i, 2 * j, c == 0 ? 1 : c);
      result.set(2 * i, 2 * j + 1, c == 0 ? -1 : c);
      result.set(2 * i + 1, 2 * j, c == 0 ? -1 : c);
      result.set(2 * i + 1, 2 * j + 1, c == 0 ? -1 : -c);
    }
  }
  return result;
}

}  // namespace dfrot
