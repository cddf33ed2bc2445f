#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/construction/sign_matrix.hpp>

namespace dfrot {

/// The first rows of four symmetric circulant matrices A, B, C, D of order n with A^2 + B^2 + C^2 + D^2 = 4 n I.
/// A symmetric circulant's row satisfies a_j = a_{n-j}, so its first (n + 1) / 2 signs say all: bit (n + 1) / 2 - 1 - j
/// of row[r] is set where sign j of row r is +1 (the first sign is the most significant bit). Rows of length 23 and 29
/// were found by this project with a search that matches the periodic autocorrelations of pairs of rows, those of 39
/// and 43 are known from the literature; the tests verify the condition for each.
struct williamson_rows {
  std::size_t length = 0;
  std::uint32_t row[4] = {};

  /// Sign j of row r: -1 or +1. @pre j < length, r < 4
  [[nodiscard]] DFROT_PER_ISA constexpr int sign(std::size_t r, std::size_t j) const {
    std::size_t const folded = j <= length / 2 ? j : length - j;
    return ((row[r] >> (length / 2 - folded)) & 1u) != 0u ? 1 : -1;
  }
};

/// The rows that the library knows. Other lengths of use are reached by Paley's constructions.
inline constexpr williamson_rows known_williamson_rows[] = {
    {23, {0xAC2, 0x9A7, 0xF46, 0xBDC}},
    {29, {0x6658, 0x7358, 0x758B, 0x5F74}},
    {39, {0xE504C, 0xF130A, 0xE68A4, 0x8D41D}},
    {43, {0x233D76, 0x37E14D, 0x3ACAF4, 0x31E930}},
};

/// The known rows for a Hadamard matrix of this order (4 times their length), or none (length 0).
/// Complexity: O(1).
[[nodiscard]] DFROT_PER_ISA constexpr williamson_rows find_williamson_rows(std::size_t order) {
  for (williamson_rows const& rows : known_williamson_rows) {
    if (4 * rows.length == order) {
      return rows;
    }
  }
  return {};
}

/// The sign of block (i, j) of Williamson's array; the block is circulant i ^ j. @pre i, j < 4
[[nodiscard]] constexpr int williamson_sign(std::size_t i, std::size_t j) {
  constexpr int sign_of[4][4] = {{1, 1, 1, 1}, {-1, 1, -1, 1}, {-1, 1, 1, -1}, {-1, -1, 1, 1}};
  return sign_of[i][j];
}

/// A Hadamard matrix of order 4 n by Williamson's array of circulants (entry (i, j) of a circulant is its row's j - i
/// mod n):
///   [ A  B  C  D
///    -B  A -D  C
///    -C  D  A -B
///    -D -C  B  A ]
/// @param rows the four first rows   @pre they satisfy A^2 + B^2 + C^2 + D^2 = 4 n I
/// Complexity: O(n^2).   Errors: std::invalid_argument on length 0.
/// Source: Williamson, "Hadamard's determinant theorem and the sum of four squares", 1944.
[[nodiscard]] DFROT_PER_ISA inline sign_matrix williamson(williamson_rows const& rows) {
  std::size_t const n = rows.length;
  expects(n > 0, "Williamson's array needs four rows of a length above 0");
  sign_matrix result(4 * n);
  for (std::size_t i = 0; i < 4 * n; ++i) {
    for (std::size_t j = 0; j < 4 * n; ++j) {
      result.set(i, j, williamson_sign(i / n, j / n) * rows.sign((i / n) ^ (j / n), (j % n + n - i % n) % n));
    }
  }
  return result;
}

}  // namespace dfrot
