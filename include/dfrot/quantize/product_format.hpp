#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/format/element.hpp>
#include <dfrot/format/int4_elements.hpp>
#include <dfrot/format/scale_storage.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

namespace detail {

/// The elements of INT4, for which products have kernels of their own.
template <class Element>
concept int4_element = std::same_as<Element, s4> || std::same_as<Element, u4>;

/// A scheme with an element and a storage that products can read.
template <class S>
concept has_integer_element = requires(S const& scheme) {
  requires integer_element<std::remove_cvref_t<decltype(scheme.element)>>;
  requires scale_storage<std::remove_cvref_t<decltype(scheme.storage)>>;
};

}  // namespace detail

/// A scheme whose codes products can read: INT4 chosen at run time, or one with an `element` whose values are integers times a
/// unit and a `storage` for its scales, as every block_scheme has. The rule that found the scales does not matter.
template <class S>
concept product_scheme = quantization_scheme<S> &&(std::same_as<S, int4_scheme> || detail::has_integer_element<S>);

namespace detail {

template <integer_element Element>
inline constexpr std::array<std::int8_t, 16> integers_of = Element::integers;
template <integer_element Element>
inline constexpr int least_integer = *std::min_element(integers_of<Element>.begin(), integers_of<Element>.end());
template <integer_element Element>
inline constexpr int largest_integer = *std::max_element(integers_of<Element>.begin(), integers_of<Element>.end());

/// A nibble's integer, less a zero point.
template <integer_element Element>
struct integer_decoder {
  int zero = 0;
  [[nodiscard]] DFROT_PER_ISA constexpr int operator()(unsigned nibble) const {
    return integers_of<Element>[nibble] - zero;
  }
};

/// The same for INT4, signed or not: arithmetic, which compilers vectorize.
struct int4_decoder {
  int flip = 8;
  int shift = 8;
  [[nodiscard]] DFROT_PER_ISA constexpr int operator()(unsigned nibble) const {
    return (static_cast<int>(nibble) ^ flip) - shift;
  }
};

}  // namespace detail

/// How a product reads the rows of one side: an integer for each nibble, and a scale for each group.
///   x = scale(stored) * decoder(zero point)(nibble),   scale = unit * storage.load(stored), rounded to float
template <integer_element Element, scale_storage S = real_scale>
struct product_format {
  using element = Element;
  using stored_scale = typename S::template stored_type<float>;
  static constexpr int least = detail::least_integer<Element> - (element_with_zero_point<Element> ? 15 : 0);
  static constexpr int largest = detail::largest_integer<Element>;
  static_assert(least >= -128, "integers less their zero points do not fit a byte");
  static constexpr bool scales_as_stored = std::is_same_v<S, real_scale> && static_cast<float>(Element::unit) == 1.0F;

  std::size_t group = 0;  ///< as a scheme's
  S storage{};

  [[nodiscard]] DFROT_PER_ISA static constexpr detail::integer_decoder<Element> decoder(int zero) { return {zero}; }
  [[nodiscard]] DFROT_PER_ISA constexpr float scale(stored_scale stored) const {
    DFROT_EXACT_MATH
    return static_cast<float>(Element::unit) * storage.template load<float>(stored);
  }
};

/// INT4 activations with float scales, chosen at run time: signed codes, or unsigned ones with zero points.
struct int4_product_format {
  using element = s4;
  using stored_scale = float;
  static constexpr int least = -15;  // code 0 less zero point 15
  static constexpr int largest = 15;
  static constexpr bool scales_as_stored = true;

  std::size_t group = 0;
  bool is_signed = true;

  [[nodiscard]] DFROT_PER_ISA constexpr detail::int4_decoder decoder(int zero) const {
    return is_signed ? detail::int4_decoder{8, 8} : detail::int4_decoder{0, zero};
  }
  [[nodiscard]] DFROT_PER_ISA static constexpr float scale(float stored) { return stored; }
};

namespace detail {

/// How integer_gemm() reads activations of an element.
template <integer_element Element>
struct codes_format {
  using type = product_format<Element>;
  static constexpr type value{};
};
template <int4_element Element>
requires integer_element<Element>
struct codes_format<Element> {
  using type = int4_product_format;
  static constexpr type value{0, std::same_as<Element, s4>};
};

/// The element of a product_scheme; INT4 if there is none.
template <class Scheme>
struct element_of_scheme {
  using type = std::remove_cvref_t<decltype(Scheme::element)>;
};
template <class Scheme>
requires(std::same_as<Scheme, int4_scheme> || std::same_as<Scheme, void>) struct element_of_scheme<Scheme> {
  using type = s4;
};

/// How a product reads activations of a scheme.
template <product_scheme Scheme>
[[nodiscard]] DFROT_PER_ISA constexpr auto activation_format(Scheme const& scheme) {
  if constexpr (std::same_as<Scheme, int4_scheme>) {
    return int4_product_format{scheme.group, scheme.symmetric};
  } else {
    using Element = typename element_of_scheme<Scheme>::type;
    using S = std::remove_cvref_t<decltype(scheme.storage)>;
    if constexpr (int4_element<Element> && std::same_as<S, real_scale>) {
      return int4_product_format{scheme.group, std::same_as<Element, s4>};
    } else {
      return product_format<Element, S>{scheme.group, scheme.storage};
    }
  }
}

/// How a product reads weights of a scheme. Throws: std::invalid_argument for INT4 with zero points.
template <product_scheme Scheme>
[[nodiscard]] DFROT_PER_ISA constexpr auto weight_format(Scheme const& scheme) {
  using Element = typename element_of_scheme<Scheme>::type;
  static_assert(!element_with_zero_point<Element>,
                "weights of a product have no zero points: choose a symmetric scheme");
  expects(!scheme.has_zero_points(), "weights of a product have no zero points: their scheme must be symmetric");
  if constexpr (std::same_as<Scheme, int4_scheme>) {
    return product_format<s4>{scheme.group, {}};
  } else {
    using S = std::remove_cvref_t<decltype(scheme.storage)>;
    return product_format<Element, S>{scheme.group, scheme.storage};
  }
}

}  // namespace detail

/// The longest row that a product of these two formats may have: sums stay within int32 on their way, too, where weights are
/// made unsigned by adding a number, and what that adds is taken off again.
template <class Activations, class Weights>
inline constexpr std::size_t longest_product_row = [] {
  constexpr int reach = std::max({-Activations::least, Activations::largest, 1});
  constexpr int on_the_way = std::max(Weights::largest - Weights::least, 1) + std::max(-Weights::least, Weights::least);
  std::size_t longest = 1;
  while (2 * longest * static_cast<std::size_t>(reach) * static_cast<std::size_t>(on_the_way) <
         (std::size_t{1} << 31U)) {
    longest *= 2;
  }
  return longest;
}();

/// The same for INT4: 2^22.
inline constexpr std::size_t longest_gemm_row = longest_product_row<int4_product_format, product_format<s4>>;

}  // namespace dfrot
