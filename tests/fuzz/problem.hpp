#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

#include "bytes.hpp"
#include "finding.hpp"

// What the agreement targets draw from the input: schemes, lengths of rows, and values.

namespace dfrot::fuzz {

[[nodiscard]] inline int4_scheme draw_scheme(byte_source& source) {
  static constexpr std::size_t groups[] = {
      0, 32, 64, 128, 1, 2, 3, 7, 8, 16, 31, 33, 48, 96, 256, 300, ~std::size_t{0}};
  static constexpr float clips[] = {1.0F, 0.9F, 0.5F, 1e-6F, 1e-38F, 1e-45F, 0.9999999F};
  int4_scheme scheme;
  std::uint8_t const choice = source.bits<std::uint8_t>();
  scheme.symmetric = (choice & 1U) != 0;
  scheme.scale = (choice & 6U) == 6U ? scale_rule::search : scale_rule::max;
  scheme.group = (choice & 8U) != 0 ? source.up_to(400) : source.pick(groups);
  scheme.clip = (choice & 0x30U) != 0x30U ? 1.0F : (choice & 0x40U) != 0 ? source.bits<float>() : source.pick(clips);
  return scheme;
}

/// The length of a row: mostly short ones, all of which occur.
[[nodiscard]] inline std::size_t draw_columns(byte_source& source) {
  static constexpr std::size_t lengths[] = {384, 512, 640, 896, 1000, 1024, 1111};
  std::size_t const drawn = source.up_to(340);
  return drawn < 330 ? drawn : source.pick(lengths);
}

template <class T>
using bits_of =
    std::conditional_t<sizeof(T) == 2, std::uint16_t, std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;

/// The bits of an infinity: all ones in the exponent.
template <class T>
[[nodiscard]] bits_of<T> infinite_bits() {
  return dfrot::detail::bit_cast<bits_of<T>>(store<T>(std::numeric_limits<arithmetic_t<T>>::infinity()));
}

/// Numbers that stand at an edge of the type or of rounding.
template <class T>
[[nodiscard]] T edge_value(std::uint8_t choice) {
  using Real = arithmetic_t<T>;
  auto const largest = dfrot::detail::bit_cast<T>(static_cast<bits_of<T>>(infinite_bits<T>() - 1));
  auto const least = dfrot::detail::bit_cast<T>(bits_of<T>{1});
  Real const values[] = {0,
                         -Real{0},
                         1,
                         7,
                         Real(7.5),
                         Real(-7.5),
                         Real(0.5),
                         Real(-0.5),
                         Real(1.5),
                         Real(2.5),
                         Real(6.5),
                         15,
                         -8,
                         Real(14.5),
                         load(largest),
                         -load(largest),
                         load(least),
                         -load(least),
                         load(largest) / 2,
                         load(largest) * Real(0.93),
                         std::numeric_limits<Real>::min(),
                         std::numeric_limits<Real>::min() * 7,
                         std::numeric_limits<Real>::min() * 8,
                         Real(1e-3),
                         1000};
  return store<T>(values[choice % std::size(values)]);
}

/// One value; what a byte or several stand for depends on the kind of row.
template <class T>
[[nodiscard]] T draw_value(byte_source& source, random_source& random, unsigned kind, int exponent) {
  using Real = arithmetic_t<T>;
  switch (kind) {
    case 0:  // any bits: NaNs and infinities among them
      return source.bits<T>();
    case 1: {  // any bits, but finite
      auto bits = source.bits<bits_of<T>>();
      auto const infinite = infinite_bits<T>();
      if ((bits & infinite) == infinite) {
        bits = static_cast<bits_of<T>>(bits & ~(infinite & (~infinite + 1U)));  // the lowest bit of the exponent
      }
      return dfrot::detail::bit_cast<T>(bits);
    }
    case 2:  // steps of one size: ties
      return store<T>(std::ldexp(static_cast<Real>(source.bits<std::int8_t>()), exponent));
    case 3:
      return edge_value<T>(source.bits<std::uint8_t>());
    default: {  // numbers of one size that no byte stands for, with an outlier now and then
      auto const unit = static_cast<Real>(static_cast<std::int32_t>(random.next())) * Real(0x1p-31);
      return store<T>(std::ldexp(unit, exponent + (random.once_in(64) ? 7 : 0)));
    }
  }
}

/// Fills rows, each with values of one kind.
template <class T>
void draw_values(byte_source& source, matrix_view<T> x) {
  static constexpr int exponents[] = {0, 0, 0, -4, 4, -14, -24, -30, 8, 12, 100, 120, 126, -126, -133, -149};
  for (std::size_t i = 0; i < x.rows; ++i) {
    std::uint8_t const choice = source.bits<std::uint8_t>();
    unsigned const kind = choice % 8;
    int const exponent = exponents[choice / 16] * (std::is_same_v<T, double> && (choice & 8U) != 0 ? 7 : 1);
    random_source random(kind > 3 ? source.bits<std::uint16_t>() : 0);
    for (std::size_t j = 0; j < x.columns; ++j) {
      x(i, j) = draw_value<T>(source, random, kind, exponent);
    }
    if (kind > 5 && x.columns > 0) {  // one value of the row is another
      x(i, source.up_to(x.columns - 1)) = source.bits<T>();
    }
  }
}

}  // namespace dfrot::fuzz
