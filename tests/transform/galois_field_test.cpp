#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <vector>

#include <dfrot/transform/construction/galois_field.hpp>

#include "support/catch.hpp"

using dfrot::factor_prime_power;
using dfrot::galois_field;

TEST_CASE("a prime power is taken apart, anything else is not one") {
  CHECK(factor_prime_power(2).prime == 2);
  CHECK(factor_prime_power(27).prime == 3);
  CHECK(factor_prime_power(27).exponent == 3);
  CHECK(factor_prime_power(49).prime == 7);
  CHECK(factor_prime_power(49).exponent == 2);
  CHECK(factor_prime_power(461).prime == 461);
  CHECK(factor_prime_power(461).exponent == 1);
  for (std::size_t const composite : std::initializer_list<std::size_t>{0, 1, 6, 12, 45, 63, 1001}) {
    CAPTURE(composite);
    CHECK(factor_prime_power(composite).prime == 0);
  }
}

TEST_CASE("the elements of GF(q) form a field") {
  for (std::size_t const q : std::initializer_list<std::size_t>{3, 5, 7, 9, 25, 27}) {  // every triple
    CAPTURE(q);
    galois_field const field(q);
    using element = galois_field::element;
    std::size_t broken = 0;
    for (element a = 0; a < q; ++a) {
      broken += field.add(a, 0) != a || field.multiply(a, 1) != a || field.multiply(a, 0) != 0;
      broken += field.subtract(a, a) != 0;
      broken += a != 0 && field.multiply(a, field.inverse(a)) != 1;
      for (element b = 0; b < q; ++b) {
        broken += field.add(a, b) >= q || field.multiply(a, b) >= q;
        broken += field.add(a, b) != field.add(b, a) || field.multiply(a, b) != field.multiply(b, a);
        broken += field.add(field.subtract(a, b), b) != a;
        broken += a != 0 && b != 0 && field.multiply(a, b) == 0;
        for (element c = 0; c < q; ++c) {
          broken += field.add(field.add(a, b), c) != field.add(a, field.add(b, c));
          broken += field.multiply(field.multiply(a, b), c) != field.multiply(a, field.multiply(b, c));
          broken += field.multiply(a, field.add(b, c)) != field.add(field.multiply(a, b), field.multiply(a, c));
        }
      }
    }
    CHECK(broken == 0);
  }
}

TEST_CASE("adding 1 p times gives 0, and for a prime q arithmetic is that of integers modulo q") {
  for (std::size_t const q : std::initializer_list<std::size_t>{9, 49, 121, 125, 243, 343}) {
    CAPTURE(q);
    galois_field const field(q);
    galois_field::element sum = 0;
    for (std::size_t i = 0; i < field.characteristic(); ++i) {
      sum = field.add(sum, 1);
      CHECK((sum == 0) == (i + 1 == field.characteristic()));
    }
  }
  galois_field const prime(43);
  for (galois_field::element a = 0; a < 43; ++a) {
    for (galois_field::element b = 0; b < 43; ++b) {
      REQUIRE(prime.add(a, b) == (a + b) % 43);
      REQUIRE(prime.multiply(a, b) == a * b % 43);
    }
  }
}

TEST_CASE("the generator reaches every element but zero, and squares are what the quadratic character calls squares") {
  for (std::size_t const q :
       std::initializer_list<std::size_t>{3, 13, 25, 27, 49, 81, 121, 125, 169, 243, 343, 461, 2187}) {
    CAPTURE(q);
    galois_field const field(q);
    std::vector<bool> reached(q, false);
    std::vector<bool> is_square(q, false);
    galois_field::element power = 1;
    for (std::size_t i = 0; i + 1 < q; ++i) {
      reached[power] = true;
      power = field.multiply(power, field.generator());
    }
    CHECK(power == 1);
    std::size_t wrong = 0;
    int sum = 0;
    for (galois_field::element a = 1; a < q; ++a) {
      wrong += !reached[a];
      is_square[field.multiply(a, a)] = true;
    }
    for (galois_field::element a = 1; a < q; ++a) {
      wrong += field.quadratic_character(a) != (is_square[a] ? 1 : -1);
      sum += field.quadratic_character(a);
    }
    CHECK(wrong == 0);
    CHECK(sum == 0);
    CHECK(field.quadratic_character(0) == 0);
    // -1 is a square exactly if q = 1 mod 4.
    CHECK(field.quadratic_character(field.subtract(0, 1)) == (q % 4 == 1 ? 1 : -1));
  }
}

TEST_CASE("no field without an odd prime power") {
  for (std::size_t const q : std::initializer_list<std::size_t>{0, 1, 2, 4, 6, 15, 64, 100, 65537}) {
    CAPTURE(q);
    CHECK_THROWS_AS(galois_field(q), std::invalid_argument);
  }
}
