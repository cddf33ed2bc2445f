#pragma once

#include <cstddef>
#include <string>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/construction/paley.hpp>
#include <dfrot/transform/construction/sign_matrix.hpp>
#include <dfrot/transform/construction/williamson.hpp>

namespace dfrot {

/// How a Hadamard matrix is made. Where several reach an order, the first of them is used: Paley's second construction
/// goes before his first, since it is built of blocks of 2 x 2, which makes it much faster to multiply by.
enum class hadamard_construction {
  none,        ///< the library knows no way
  sylvester,   ///< doubling from the 1 x 1 matrix: powers of two
  paley_2,     ///< order 2 (q + 1) over GF(q), q = 1 mod 4
  paley_1,     ///< order q + 1 over GF(q), q = 3 mod 4
  williamson,  ///< four circulants
  kronecker,   ///< a product of two smaller matrices
};

/// A construction with its numbers, chosen by arithmetic alone: no matrix is built.
struct hadamard_recipe {
  hadamard_construction construction = hadamard_construction::none;
  std::size_t order = 0;
  std::size_t left = 0;  ///< for a Kronecker product: the order of its left factor
};

/// The largest order of a base matrix. Generating one takes order^2 bytes.
inline constexpr std::size_t largest_hadamard_base = 4096;

/// The recipe for the base matrix of exactly this order, 1 or a multiple of 4 with an odd factor: the first
/// construction that reaches it. construction == none where there is no way.
/// Powers of two above 1 are no bases: H_n = H_K (x) H_{2^m} has them on its right side.
/// @param order up to largest_hadamard_base; above that there is no recipe
/// Complexity: a few sqrt(order) divisions; for orders that only a product reaches, times the number of divisors.
[[nodiscard]] DFROT_PER_ISA constexpr hadamard_recipe find_hadamard_recipe(std::size_t order) {
  using enum hadamard_construction;
  if (order == 1) {
    return {sylvester, order, 0};
  }
  if (order % 4 != 0 || order > largest_hadamard_base || (order & (order - 1)) == 0) {
    return {none, order, 0};
  }
  if (is_paley_2_order(order)) {
    return {paley_2, order, 0};
  }
  if (is_paley_1_order(order)) {
    return {paley_1, order, 0};
  }
  if (find_williamson_rows(order).length != 0) {
    return {williamson, order, 0};
  }
  for (std::size_t left = 12; left * left <= order; left += 4) {
    if (order % left == 0 && find_hadamard_recipe(left).construction != none &&
        find_hadamard_recipe(order / left).construction != none) {
      return {kronecker, order, left};
    }
  }
  return {none, order, 0};
}

/// Carries a recipe out.
/// @pre recipe.construction is not none
/// Complexity: O(order^2) time and bytes.   Errors: std::bad_alloc.
[[nodiscard]] DFROT_PER_ISA inline sign_matrix build_hadamard(hadamard_recipe const& recipe) {
  switch (recipe.construction) {
    case hadamard_construction::paley_1:
      return paley_1(recipe.order);
    case hadamard_construction::paley_2:
      return paley_2(recipe.order);
    case hadamard_construction::williamson:
      return williamson(find_williamson_rows(recipe.order));
    case hadamard_construction::kronecker:
      return kronecker_product(build_hadamard(find_hadamard_recipe(recipe.left)),
                               build_hadamard(find_hadamard_recipe(recipe.order / recipe.left)));
    case hadamard_construction::sylvester:
    case hadamard_construction::none:
      break;
  }
  expects(recipe.construction == hadamard_construction::sylvester, "no construction of order ", recipe.order);
  return sign_matrix(1);
}

/// A recipe in words: "Paley II over GF(13)", "Williamson with circulants of order 43", "Kronecker product of …".
[[nodiscard]] DFROT_PER_ISA inline std::string describe(hadamard_recipe const& recipe) {
  switch (recipe.construction) {
    case hadamard_construction::none:
      return "none";
    case hadamard_construction::sylvester:
      return "Sylvester";
    case hadamard_construction::paley_1:
      return message("Paley I over GF(", recipe.order - 1, ")");
    case hadamard_construction::paley_2:
      return message("Paley II over GF(", recipe.order / 2 - 1, ")");
    case hadamard_construction::williamson:
      return message("Williamson with circulants of order ", recipe.order / 4);
    case hadamard_construction::kronecker:
      return message("Kronecker product of ", recipe.left, " (", describe(find_hadamard_recipe(recipe.left)), ") and ",
                     recipe.order / recipe.left, " (", describe(find_hadamard_recipe(recipe.order / recipe.left)), ")");
  }
  return "none";
}

}  // namespace dfrot
