#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <dfrot/transform/hadamard_order.hpp>

#include "support/catch.hpp"
#include "support/model_sizes.hpp"

using dfrot::hadamard_construction;
using dfrot::hadamard_order;

namespace {

std::string error_of(std::size_t n) {
  try {
    hadamard_order const order(n);
    return "";
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("n = K 2^m with the smallest base that can be constructed") {
  struct expected {
    std::size_t n, base, log2_rest;
    hadamard_construction construction;
    char const* name;
  };
  using enum hadamard_construction;
  for (expected const& e : {
           expected{1, 1, 0, sylvester, "Sylvester"},
           expected{2, 1, 1, sylvester, "Sylvester"},
           expected{4096, 1, 12, sylvester, "Sylvester"},
           expected{5120, 20, 8, paley_2, "Paley II over GF(9)"},
           expected{14336, 28, 9, paley_2, "Paley II over GF(13)"},
           expected{17920, 140, 7, paley_1, "Paley I over GF(139)"},
           expected{9216, 36, 8, paley_2, "Paley II over GF(17)"},
           expected{6656, 52, 7, paley_2, "Paley II over GF(25)"},
           expected{11008, 172, 6, williamson, "Williamson with circulants of order 43"},
           expected{40, 20, 1, paley_2, "Paley II over GF(9)"},
           expected{29568, 924, 5, paley_2, "Paley II over GF(461)"},
           expected{4048, 4048, 0, kronecker,
                    "Kronecker product of 44 (Paley I over GF(43)) and 92 (Williamson with circulants of order 23)"},
       }) {
    CAPTURE(e.n);
    hadamard_order const order(e.n);
    CHECK(order.size() == e.n);
    CHECK(order.base() == e.base);
    CHECK(order.log2_rest() == e.log2_rest);
    CHECK(order.rest() == e.n / e.base);
    CHECK(order.construction() == e.construction);
    CHECK(order.construction_name() == e.name);
  }
}

TEST_CASE("a sign is the product of the base's sign and the Walsh sign") {
  hadamard_order const order(48);  // 12 x 4
  int const walsh[4][4] = {{1, 1, 1, 1}, {1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}};
  for (std::size_t i = 0; i < 48; ++i) {
    for (std::size_t j = 0; j < 48; ++j) {
      REQUIRE(order.sign(i, j) == order.base_row(i / 4)[j / 4] * walsh[i % 4][j % 4]);
    }
  }
}

TEST_CASE("every multiple of 4 up to 256 but 188 and 236 works, and 1 and 2") {
  CHECK(hadamard_order::is_constructible(1));
  CHECK(hadamard_order::is_constructible(2));
  for (std::size_t n = 4; n <= 256; n += 4) {
    CAPTURE(n);
    CHECK(hadamard_order::is_constructible(n) == (n != 188 && n != 236));
  }
}

TEST_CASE("the sizes of published models work, with a base far smaller than the size") {
  for (std::size_t const n : dfrot::test::model_sizes) {
    CAPTURE(n);
    REQUIRE(hadamard_order::is_constructible(n));
    hadamard_order const order(n);
    CHECK(order.base() * order.rest() == n);
    CHECK(order.base() <= 924);
  }
}

TEST_CASE("what is constructible constructs, and nothing else") {
  for (std::size_t n = 0; n <= 300; ++n) {
    CAPTURE(n);
    CHECK(hadamard_order::is_constructible(n) == error_of(n).empty());
    CHECK((n <= 2 || n % 4 == 0 || !hadamard_order::is_constructible(n)));
  }
}

TEST_CASE("an order without a construction is named, with the nearest that work") {
  CHECK(error_of(0) == "a Hadamard matrix of order 0 does not exist; the smallest order is 1");
  CHECK(error_of(3) ==
        "no Hadamard matrix of order 3 is known to this library; the nearest orders that work are 2 and 4");
  CHECK(error_of(188) ==
        "no Hadamard matrix of order 188 is known to this library; the nearest orders that work are 184 and 192");
  CHECK(error_of(13696) ==
        "no Hadamard matrix of order 13696 is known to this library; the nearest orders that work are 13680 and 13728");
  CHECK(error_of(SIZE_MAX).find("the nearest order that works is ") != std::string::npos);
}

TEST_CASE("nearest orders: the closest on both sides, n itself not among them") {
  CHECK(hadamard_order::nearest(0) == std::vector<std::size_t>{1});
  CHECK(hadamard_order::nearest(1) == std::vector<std::size_t>{2});
  CHECK(hadamard_order::nearest(2) == std::vector<std::size_t>{1, 4});
  CHECK(hadamard_order::nearest(64) == std::vector<std::size_t>{60, 68});
  for (std::size_t const n : {std::size_t{100}, std::size_t{236}, std::size_t{4096}, std::size_t{8192},
                              std::size_t{13696}, std::size_t{16385}}) {  // against a search that looks at every number
    CAPTURE(n);
    std::size_t below = n - 1;
    while (!hadamard_order::is_constructible(below)) {
      --below;
    }
    std::size_t above = n + 1;
    while (!hadamard_order::is_constructible(above)) {
      ++above;
    }
    CHECK(hadamard_order::nearest(n) == std::vector<std::size_t>{below, above});
  }
  std::size_t const huge = (std::size_t{1} << 40) + 12;
  REQUIRE(hadamard_order::nearest(huge).size() == 2);
  CHECK(hadamard_order::nearest(huge).front() == std::size_t{1} << 40);
}

TEST_CASE("recipes: products exist, powers of two and orders out of reach have none") {
  std::size_t products = 0;
  for (std::size_t n = 4; n <= dfrot::largest_hadamard_base; n += 4) {
    products += dfrot::find_hadamard_recipe(n).construction == hadamard_construction::kronecker;
  }
  CHECK(products > 0);
  CHECK(dfrot::find_hadamard_recipe(188).construction == hadamard_construction::none);
  CHECK(dfrot::find_hadamard_recipe(64).construction == hadamard_construction::none);
  CHECK(dfrot::find_hadamard_recipe(4100).construction == hadamard_construction::none);
  CHECK_THROWS_AS(dfrot::build_hadamard(dfrot::find_hadamard_recipe(188)), std::invalid_argument);
}
