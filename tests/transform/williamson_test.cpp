#include <cstddef>
#include <initializer_list>
#include <stdexcept>

#include <dfrot/transform/construction/williamson.hpp>

#include "support/catch.hpp"
#include "support/sign_matrices.hpp"

TEST_CASE("the known rows satisfy Williamson's condition A^2 + B^2 + C^2 + D^2 = 4 n I") {
  for (dfrot::williamson_rows const& rows : dfrot::known_williamson_rows) {
    std::size_t const n = rows.length;
    CAPTURE(n);
    for (std::size_t shift = 0; shift < n; ++shift) {
      int sum = 0;  // entry (0, shift) of the sum of squares: A is symmetric, so A^2 = A A^T
      for (std::size_t r = 0; r < 4; ++r) {
        for (std::size_t j = 0; j < n; ++j) {
          sum += rows.sign(r, j) * rows.sign(r, (j + shift) % n);
        }
      }
      REQUIRE(sum == (shift == 0 ? static_cast<int>(4 * n) : 0));
    }
    for (std::size_t r = 0; r < 4; ++r) {
      CHECK(rows.row[r] >> (n / 2 + 1) == 0u);  // no bits beyond the (n + 1) / 2 signs
      for (std::size_t j = 1; j < n; ++j) {
        REQUIRE(rows.sign(r, j) == rows.sign(r, n - j));
      }
    }
  }
}

TEST_CASE("the first sign of a row is its most significant bit") {
  dfrot::williamson_rows const rows{5, {0b100, 0b010, 0b001, 0b111}};
  CHECK(rows.sign(0, 0) == 1);
  CHECK(rows.sign(0, 1) == -1);
  CHECK(rows.sign(0, 2) == -1);
  CHECK(rows.sign(1, 1) == 1);
  CHECK(rows.sign(1, 4) == 1);
  CHECK(rows.sign(2, 2) == 1);
  CHECK(rows.sign(2, 3) == 1);
  CHECK(rows.sign(2, 0) == -1);
}

TEST_CASE("Williamson's array of the known rows is a Hadamard matrix") {
  for (std::size_t const order : std::initializer_list<std::size_t>{92, 116, 156, 172}) {
    CAPTURE(order);
    dfrot::williamson_rows const rows = dfrot::find_williamson_rows(order);
    REQUIRE(rows.length == order / 4);
    dfrot::sign_matrix const h = dfrot::williamson(rows);
    REQUIRE(h.order() == order);
    CHECK(dfrot::test::count_wrong_row_products(order, h) == 0);
  }
}

TEST_CASE("lengths without rows are not found") {
  for (std::size_t const order : std::initializer_list<std::size_t>{0, 4, 91, 93, 188, 236}) {
    CAPTURE(order);
    CHECK(dfrot::find_williamson_rows(order).length == 0);
  }
  CHECK_THROWS_AS(dfrot::williamson(dfrot::find_williamson_rows(188)), std::invalid_argument);
}
