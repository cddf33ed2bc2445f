#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// The smallest and largest value of a group (0 included), and whether all are finite.
template <class Real>
struct group_range {
  Real minimum = 0;
  Real maximum = 0;
  bool finite = true;
};

namespace detail {

using dfrot::detail::bits_of;

/// The range of floating-point numbers, found among their bits: as signed integers, numbers above 0 come in their own
/// order, and so do the magnitudes of negative numbers as unsigned ones; infinity and NaN come after all others.
template <class U>
struct bit_range {
  U most_negative = 0;  ///< the largest of all as unsigned: of a negative number, if there is one
  U most_positive = 0;  ///< the largest of all as signed, and at least 0

  void take(U bits) {
    using S = std::make_signed_t<U>;
    most_negative = std::max(most_negative, bits);
    most_positive = static_cast<U>(std::max(static_cast<S>(most_positive), static_cast<S>(bits)));
  }
};

/// Plain loops over sixteen lanes, which compilers vectorize.
template <storage T>
[[nodiscard]] bit_range<bits_of<T>> find_bit_range(T const* x, std::size_t count) {
  using U = bits_of<T>;
  using S = std::make_signed_t<U>;
  constexpr std::size_t lanes = 16;
  U negative[lanes] = {};
  S positive[lanes] = {};
  std::size_t j = 0;
  for (; j + lanes <= count; j += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      U const bits = std::bit_cast<U>(x[j + lane]);
      negative[lane] = bits > negative[lane] ? bits : negative[lane];
      positive[lane] = static_cast<S>(bits) > positive[lane] ? static_cast<S>(bits) : positive[lane];
    }
  }
  bit_range<U> range;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    range.take(negative[lane]);
    range.take(static_cast<U>(positive[lane]));
  }
  for (; j < count; ++j) {
    range.take(std::bit_cast<U>(x[j]));
  }
  return range;
}

/// The same in registers, two pairs of them; the first and the last load overlap others, which does no harm.
template <class Arch, storage T>
[[nodiscard]] bit_range<bits_of<T>> find_bit_range_in_registers(T const* x, std::size_t count) {
  using U = bits_of<T>;
  using lanes = bit_lanes<Arch>;
  constexpr std::size_t step = lanes::bytes / sizeof(T);
  bit_range<U> range;
  if (count < step) {
    for (std::size_t j = 0; j < count; ++j) {
      range.take(std::bit_cast<U>(x[j]));
    }
    return range;
  }
  auto negative = lanes::load(x);
  auto positive = lanes::template max_signed<U>(negative, lanes::zero());
  auto more_negative = negative;
  auto more_positive = positive;
  std::size_t j = count < 16 * step ? 0 : values_before_boundary<lanes::bytes>(x);
  for (; j + 2 * step <= count; j += 2 * step) {
    auto first = lanes::load(x + j);
    auto second = lanes::load(x + j + step);
#if DFROT_CPU_AVX512 && defined(__GNUC__)
    if constexpr (has<Arch, avx512>) {
      asm("" : "+v"(first), "+v"(second));  // g++ would load each of them twice, once for every use
    }
#endif
    negative = lanes::template max_unsigned<U>(negative, first);
    positive = lanes::template max_signed<U>(positive, first);
    more_negative = lanes::template max_unsigned<U>(more_negative, second);
    more_positive = lanes::template max_signed<U>(more_positive, second);
  }
  for (; j < count; j += step) {
    auto const last = lanes::load(x + std::min(j, count - step));
    negative = lanes::template max_unsigned<U>(negative, last);
    positive = lanes::template max_signed<U>(positive, last);
  }
  auto const largest = lanes::template largest<U>(lanes::template max_unsigned<U>(negative, more_negative),
                                                  lanes::template max_unsigned<U>(positive, more_positive));
  return {largest.first, largest.second};
}

/// The largest number without its sign bit, in plain loops over sixteen lanes.
template <storage T>
[[nodiscard]] bits_of<T> find_largest_bits(T const* x, std::size_t count) {
  using U = bits_of<T>;
  constexpr U magnitude = dfrot::detail::magnitude_mask<T>;
  constexpr std::size_t lanes = 16;
  U largest[lanes] = {};
  std::size_t j = 0;
  for (; j + lanes <= count; j += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      auto const bits = static_cast<U>(std::bit_cast<U>(x[j + lane]) & magnitude);
      largest[lane] = bits > largest[lane] ? bits : largest[lane];
    }
  }
  for (; j < count; ++j) {
    largest[0] = std::max(largest[0], static_cast<U>(std::bit_cast<U>(x[j]) & magnitude));
  }
  return *std::max_element(largest, largest + lanes);
}

/// The same in registers, four of them; the first and the last load overlap others, which are aligned.
template <class Arch, storage T>
[[nodiscard]] bits_of<T> find_largest_bits_in_registers(T const* x, std::size_t count) {
  using U = bits_of<T>;
  using lanes = bit_lanes<Arch>;
  constexpr std::size_t step = lanes::bytes / sizeof(T);
  if (count < step) {
    return find_largest_bits(x, count);
  }
  using reg = typename lanes::reg;
  auto const at = [x](std::size_t j) { return lanes::template magnitude<U>(lanes::load(x + j)); };
  auto const larger = [](reg a, reg b) { return lanes::template max_unsigned<U>(a, b); };
  reg largest[4] = {at(0), lanes::zero(), lanes::zero(), lanes::zero()};
  std::size_t j = count < 16 * step ? 0 : values_before_boundary<lanes::bytes>(x);
  auto const take = [&](auto registers) DFROT_CPU_INLINE {
    constexpr std::size_t at_once = decltype(registers)::value;
    for (; j + at_once * step <= count; j += at_once * step) {
      unroll<at_once>([&](auto k) DFROT_CPU_INLINE { largest[k % 4] = larger(largest[k % 4], at(j + k * step)); });
    }
  };
  take(std::integral_constant<std::size_t,
                              8>{});  // in a loop of four, g++ moves registers about for a third of the time
  take(std::integral_constant<std::size_t, 4>{});
  for (; j < count; j += step) {
    largest[0] = larger(largest[0], at(std::min(j, count - step)));
  }
  reg const all = larger(larger(largest[0], largest[1]), larger(largest[2], largest[3]));
  return lanes::template largest<U>(all, lanes::zero()).first;
}

}  // namespace detail

/// The largest magnitude in a group, in one pass over its bits: -minimum = maximum = max|x|.
/// Complexity: O(n), 2 operations a register.   Determinism: the same on every Arch.
template <class Arch, storage T>
[[nodiscard]] group_range<arithmetic_t<T>> find_absmax(T const* x, std::size_t count) {
  using U = detail::bits_of<T>;
  using Real = arithmetic_t<T>;
  U found = 0;
  if constexpr (in_registers<Arch, T> && is_written<bit_lanes<Arch>>) {
    found = detail::find_largest_bits_in_registers<Arch>(x, count);
  } else {
    found = detail::find_largest_bits(x, count);
  }
  Real const absmax = load(std::bit_cast<T>(found));
  return {-absmax, absmax, found < dfrot::detail::infinity_bits<T>};
}

/// The range of a group in one pass over its bits: every value is compared once, infinities and NaN included.
/// Complexity: O(n), 2 operations a register.   Determinism: the same on every Arch.
template <class Arch, storage T>
[[nodiscard]] group_range<arithmetic_t<T>> find_range(T const* x, std::size_t count) {
  using U = detail::bits_of<T>;
  using Real = arithmetic_t<T>;
  detail::bit_range<U> found;
  if constexpr (in_registers<Arch, T> && is_written<bit_lanes<Arch>>) {
    found = detail::find_bit_range_in_registers<Arch>(x, count);
  } else {
    found = detail::find_bit_range(x, count);
  }
  // Without a negative number, "most negative" is positive or -0.
  T const negative = std::bit_cast<T>(found.most_negative);
  T const positive = std::bit_cast<T>(found.most_positive);
  return {load(negative) < 0 ? load(negative) : Real{0}, load(positive), is_finite(negative) && is_finite(positive)};
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu
