#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>

namespace dfrot {

/// A prime power q = p^k taken apart; prime == 0 says that the number is none.
struct prime_power {
  std::size_t prime = 0;
  std::size_t exponent = 0;
};

/// Writes q as p^k with p prime, or says that it is no prime power ({0, 0}).
/// Complexity: O(sqrt(q)) divisions.
[[nodiscard]] DFROT_PER_ISA constexpr prime_power factor_prime_power(std::size_t q) {
  if (q < 2) {
    return {};
  }
  std::size_t prime = q;
  for (std::size_t d = 2; d * d <= q; ++d) {
    if (q % d == 0) {
      prime = d;
      break;
    }
  }
  std::size_t exponent = 0;
  for (; q % prime == 0; q /= prime) {
    ++exponent;
  }
  return q == 1 ? prime_power{prime, exponent} : prime_power{};
}

namespace detail {

/// Numbers in memory of their own, at compile time, too. (A std::vector is constexpr from g++ 12 on, and never with
/// _GLIBCXX_DEBUG.)
class DFROT_PER_ISA number_table {
 public:
  explicit constexpr number_table(std::size_t size) : size_(size), values_(new std::uint32_t[size]{}) {}
  constexpr number_table(number_table const& other) : number_table(other.size_) {
    std::copy_n(other.values_, size_, values_);
  }
  constexpr number_table& operator=(number_table other) {
    std::swap(size_, other.size_);
    std::swap(values_, other.values_);
    return *this;
  }
  constexpr ~number_table() { delete[] values_; }

  constexpr std::uint32_t& operator[](std::size_t i) { return values_[i]; }
  constexpr std::uint32_t operator[](std::size_t i) const { return values_[i]; }
  constexpr void set_to_zero() { std::fill_n(values_, size_, 0U); }

 private:
  std::size_t size_;
  std::uint32_t* values_;
};

}  // namespace detail

/// The finite field GF(q), q = p^k an odd prime power: polynomials over Z/p modulo a primitive polynomial of degree k.
/// The element c_0 + c_1 x + … is the integer c_0 + c_1 p + …, so that 0 and 1 are the field's zero and one, and for k
/// = 1 arithmetic is that of integers modulo p. Products go through tables of powers and logarithms of the generator x.
/// All of it works at compile time, too.
/// Complexity: construction O(q) on average for each polynomial tried, about k q / phi(q - 1) of them; an operation
/// O(k).
/// Errors: std::invalid_argument if q is no odd prime power or above 65535.
/// Source: Lidl, Niederreiter, "Finite fields", 1997, sections 2.5 and 3.1.
class DFROT_PER_ISA galois_field {
 public:
  using element = std::uint32_t;

  explicit constexpr galois_field(std::size_t q) : size_(q), power_(checked(q)), logarithm_(q) {
    prime_power const power = factor_prime_power(q);
    characteristic_ = static_cast<element>(power.prime);
    degree_ = power.exponent;
    // A monic polynomial of degree k is primitive, and so irreducible, exactly if x has order q - 1 modulo it.
    for (element tail = 1; !build_tables(tail); ++tail) {
    }
  }

  [[nodiscard]] constexpr std::size_t size() const { return size_; }
  [[nodiscard]] constexpr std::size_t characteristic() const { return characteristic_; }
  [[nodiscard]] constexpr std::size_t degree() const { return degree_; }
  /// An element whose powers are all elements but zero.
  [[nodiscard]] constexpr element generator() const { return power_[1]; }

  [[nodiscard]] constexpr element add(element a, element b) const {
    return by_digit(a, b, [p = characteristic_](element s, element t) { return s + t < p ? s + t : s + t - p; });
  }
  [[nodiscard]] constexpr element subtract(element a, element b) const {
    return by_digit(a, b, [p = characteristic_](element s, element t) { return s >= t ? s - t : s + p - t; });
  }
  [[nodiscard]] constexpr element multiply(element a, element b) const {
    return a == 0 || b == 0 ? 0 : power_[(logarithm_[a] + logarithm_[b]) % (size_ - 1)];
  }
  /// The element b with a b = 1. @pre a != 0
  [[nodiscard]] constexpr element inverse(element a) const { return power_[(size_ - 1 - logarithm_[a]) % (size_ - 1)]; }

  /// The quadratic character: 0 for zero, 1 for the square of an element, -1 for the others.
  [[nodiscard]] constexpr int quadratic_character(element a) const {
    return a == 0 ? 0 : logarithm_[a] % 2 == 0 ? 1 : -1;
  }

 private:
  /// q, if there is a field of q elements.
  [[nodiscard]] static constexpr std::size_t checked(std::size_t q) {
    expects(q <= 65535 && factor_prime_power(q).prime > 2, "no field of ", q,
            " elements here: it takes an odd prime power up to 65535");
    return q;
  }

  /// Combines the coefficients of two polynomials one by one.
  template <class Combine>
  [[nodiscard]] constexpr element by_digit(element a, element b, Combine const& combine) const {
    if (degree_ == 1) {
      return combine(a, b);
    }
    element result = 0;
    for (element place = 1; place < size_; place *= characteristic_) {
      result += place * combine(a % characteristic_, b % characteristic_);
      a /= characteristic_;
      b /= characteristic_;
    }
    return result;
  }

  /// x a modulo x^k - (the polynomial `tail`): shift the coefficients up, replace c x^k by c times the tail.
  [[nodiscard]] constexpr element times_x(element a, element tail) const {
    auto const top_place = static_cast<element>(size_) / characteristic_;
    element const top = a / top_place;
    element const shifted = (a % top_place) * characteristic_;
    return by_digit(shifted, tail, [top, p = characteristic_](element s, element t) { return (s + top * t) % p; });
  }

  /// Lists the powers of x modulo x^k - tail. False if they return to 1, or reach 0, before all q - 1 were seen.
  [[nodiscard]] constexpr bool build_tables(element tail) {
    logarithm_.set_to_zero();
    element a = 1;
    for (std::size_t i = 0; i + 1 < size_; ++i) {
      if (a == 0 || (a == 1 && i > 0)) {
        return false;
      }
      power_[i] = a;
      logarithm_[a] = static_cast<element>(i);
      a = times_x(a, tail);
    }
    return a == 1;
  }

  std::size_t size_;
  element characteristic_ = 0;
  std::size_t degree_ = 0;
  detail::number_table power_;      // power_[i] = x^i
  detail::number_table logarithm_;  // logarithm_[x^i] = i
};

}  // namespace dfrot
