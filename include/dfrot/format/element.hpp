#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>

namespace dfrot {

/// A 4-bit element: sixteen values, each with a code, that a group's scale multiplies. An object may hold a table; most are
/// empty.
///   lowest(), highest()   the ends of its values; highest() > 0
///   encode(ratio)         the code of the value nearest to ratio = x / scale, which is finite; beyond the ends, of the end
///   value(code)           what a code stands for, times the scale: exact in float
///   code_of(nibble)       the code whose last four bits are 0 … 15: how packed codes are read
/// Codes lie in -8 … 15. All of these are constexpr, and run on host and device.
template <class Element>
concept element_format = std::is_trivially_copyable_v<Element> && requires(Element const& f, double ratio, int code) {
  { f.lowest() } -> std::same_as<float>;
  { f.highest() } -> std::same_as<float>;
  { f.encode(ratio) } -> std::same_as<int>;
  { f.value(code) } -> std::same_as<float>;
  { Element::code_of(code) } -> std::same_as<int>;
};

/// An element whose values are integers times a unit: products of any two of them are exact sums of small integers.
///   value(code_of(nibble)) = unit * integers[nibble],   integers in -128 … 127
template <class Element>
concept integer_element = element_format<Element> && requires {
  { Element::unit } -> std::convertible_to<float>;
  { Element::integers } -> std::convertible_to<std::array<std::int8_t, 16>>;
};

/// An element whose codes are found by comparing with thresholds. Kernels encode any of these by a search in a register.
///   sign_in_bit_3   true: codes 0 … 7 stand for rising values from 0, codes 8 … 15 for the same, negative; the sign bit of
///                   the ratio is kept.   false: codes 0 … 15 stand for rising values
///   threshold(k)    between codes k and k + 1, both of one sign: below it, code k; above it, k + 1; on it, the even one
template <class Element>
concept threshold_element = element_format<Element> && requires(Element const& f, int k) {
  { Element::sign_in_bit_3 } -> std::convertible_to<bool>;
  { f.threshold(k) } -> std::same_as<float>;
};

/// An element of whose codes one, the zero point, stands for 0: it is chosen for each group.
template <class Element>
concept element_with_zero_point = element_format<Element> && Element::has_zero_point;

}  // namespace dfrot
