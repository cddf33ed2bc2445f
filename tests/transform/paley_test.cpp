#include <cstddef>
#include <initializer_list>
#include <stdexcept>

#include <dfrot/transform/construction/paley.hpp>

#include "support/catch.hpp"
#include "support/sign_matrices.hpp"

TEST_CASE("Paley I: every order q + 1 up to 400, prime powers included, is a Hadamard matrix with a skew part") {
  std::size_t orders = 0;
  for (std::size_t order = 4; order <= 400; order += 4) {
    if (!dfrot::is_paley_1_order(order)) {
      continue;
    }
    CAPTURE(order);
    ++orders;
    dfrot::sign_matrix const h = dfrot::paley_1(order);
    REQUIRE(h.order() == order);
    CHECK(dfrot::test::count_wrong_row_products(order, h) == 0);
    std::size_t not_skew = 0;
    for (std::size_t i = 0; i < order; ++i) {
      not_skew += h(i, i) != 1;
      for (std::size_t j = 0; j < i; ++j) {
        not_skew += h(i, j) != -h(j, i);
      }
    }
    CHECK(not_skew == 0);
  }
  CHECK(orders == 43);
  for (std::size_t const order : std::initializer_list<std::size_t>{12, 20, 28, 44, 60, 68, 84, 108, 132, 140, 180, 244,
                                                                    284, 344, 684, 1332, 2188}) {
    CAPTURE(order);
    CHECK(dfrot::is_paley_1_order(order));
  }
}

TEST_CASE("Paley II: every order 2 (q + 1) up to 400, prime powers included, is a symmetric Hadamard matrix") {
  std::size_t orders = 0;
  for (std::size_t order = 4; order <= 400; order += 4) {
    if (!dfrot::is_paley_2_order(order)) {
      continue;
    }
    CAPTURE(order);
    ++orders;
    dfrot::sign_matrix const h = dfrot::paley_2(order);
    REQUIRE(h.order() == order);
    CHECK(dfrot::test::count_wrong_row_products(order, h) == 0);
    std::size_t not_symmetric = 0;
    for (std::size_t i = 0; i < order; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        not_symmetric += h(i, j) != h(j, i);
      }
    }
    CHECK(not_symmetric == 0);
  }
  CHECK(orders == 28);
  // q = 9, 25, 49, 81, 121, 125, 169 among them
  for (std::size_t const order :
       std::initializer_list<std::size_t>{20, 28, 36, 52, 76, 100, 124, 148, 164, 244, 252, 340, 924}) {
    CAPTURE(order);
    CHECK(dfrot::is_paley_2_order(order));
  }
}

TEST_CASE("orders that Paley's constructions do not reach are rejected by name") {
  for (std::size_t const order : std::initializer_list<std::size_t>{0, 1, 2, 3, 16, 36, 92, 116}) {
    CAPTURE(order);
    CHECK_FALSE(dfrot::is_paley_1_order(order));
    CHECK_THROWS_AS(dfrot::paley_1(order), std::invalid_argument);
  }
  for (std::size_t const order : std::initializer_list<std::size_t>{0, 1, 2, 4, 8, 16, 24, 44, 92, 116}) {
    CAPTURE(order);
    CHECK_FALSE(dfrot::is_paley_2_order(order));
    CHECK_THROWS_AS(dfrot::paley_2(order), std::invalid_argument);
  }
}
