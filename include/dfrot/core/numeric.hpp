#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <dfrot/config.hpp>

namespace dfrot {

namespace detail {

/// The bits of one type as a value of another of the same size: std::bit_cast, which is not for devices.
template <class To, class From>
[[nodiscard]] DFROT_HOST_DEVICE constexpr To bit_cast(From const& from) {
  static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
  return __builtin_bit_cast(To, from);
}

/// Drops the lowest `count` bits of a significand (with its exponent above it), rounding half to even.
[[nodiscard]] DFROT_HOST_DEVICE constexpr std::uint32_t shift_round_even(std::uint32_t value, std::uint32_t count) {
  std::uint32_t const kept = value >> count;
  std::uint32_t const rest = value & ((1u << count) - 1u);
  std::uint32_t const half_unit = 1u << (count - 1u);
  bool const up = rest > half_unit || (rest == half_unit && (kept & 1u) != 0u);
  return kept + (up ? 1u : 0u);
}

[[nodiscard]] DFROT_HOST_DEVICE constexpr std::uint16_t half_from_float(float value) {
  auto const bits = bit_cast<std::uint32_t>(value);
  std::uint32_t const sign = (bits >> 16u) & 0x8000u;
  std::uint32_t const magnitude = bits & 0x7fffffffu;
  std::uint32_t result = 0;
  if (magnitude > 0x7f800000u) {  // NaN: keep the upper payload, and make it quiet
    result = 0x7e00u | ((magnitude >> 13u) & 0x3ffu);
  } else if (magnitude >= 0x47800000u) {  // 65536 and above, infinity included
    result = 0x7c00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14 and above: rebias 127 to 15; a carry may reach infinity, as it should
    result = shift_round_even(magnitude - 0x38000000u, 13);
  } else if (magnitude >= 0x33000000u) {  // 2^-25 and above: subnormal, or the tie that rounds to zero
    std::uint32_t const exponent = magnitude >> 23u;
    result = shift_round_even((magnitude & 0x7fffffu) | 0x800000u, 126u - exponent);
  }
  return static_cast<std::uint16_t>(sign | result);
}

[[nodiscard]] DFROT_HOST_DEVICE constexpr float half_to_float(std::uint16_t stored) {
  std::uint32_t const bits = stored;
  std::uint32_t const sign = (bits & 0x8000u) << 16u;
  std::uint32_t const exponent = (bits >> 10u) & 0x1fu;
  std::uint32_t const fraction = bits & 0x3ffu;
  if (exponent == 0x1fu) {
    return bit_cast<float>(sign | 0x7f800000u | (fraction << 13u));
  }
  if (exponent == 0u) {  // fraction * 2^-24, exact in float
    float const size = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0u ? -size : size;
  }
  return bit_cast<float>(sign | ((exponent + 112u) << 23u) | (fraction << 13u));
}

[[nodiscard]] DFROT_HOST_DEVICE constexpr std::uint16_t bfloat16_from_float(float value) {
  auto const bits = bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return static_cast<std::uint16_t>((bits >> 16u) | 0x40u);
  }
  return static_cast<std::uint16_t>(shift_round_even(bits, 16));
}

}  // namespace detail

/// IEEE 754 binary16 as storage: 1 sign, 5 exponent, 10 fraction bits. Arithmetic is done in float.
///   half(x) rounds to nearest, ties to even; above 65504 + 16 it is infinite; a NaN stays a NaN.
/// Trivially copyable, 2 bytes; float(half) is exact, so half(float(h)) == h for every h that is not a signalling NaN.
/// Source: IEEE 754-2019, 3.6 and 4.3.1.
struct half {
  std::uint16_t bits = 0;
  half() = default;
  DFROT_HOST_DEVICE constexpr explicit half(float value) : bits(detail::half_from_float(value)) {}
  DFROT_HOST_DEVICE constexpr explicit operator float() const { return detail::half_to_float(bits); }
};

/// The upper half of an IEEE 754 binary32 as storage: 1 sign, 8 exponent, 7 fraction bits. Arithmetic is done in float.
///   bfloat16(x) rounds to nearest, ties to even; a NaN stays a NaN.
/// Trivially copyable, 2 bytes; float(bfloat16) is exact.
struct bfloat16 {
  std::uint16_t bits = 0;
  bfloat16() = default;
  DFROT_HOST_DEVICE constexpr explicit bfloat16(float value) : bits(detail::bfloat16_from_float(value)) {}
  DFROT_HOST_DEVICE constexpr explicit operator float() const {
    return detail::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16u);
  }
};

namespace detail {

template <class T>
struct arithmetic_of {};
template <>
struct arithmetic_of<float> {
  using type = float;
};
template <>
struct arithmetic_of<double> {
  using type = double;
};
template <>
struct arithmetic_of<half> {
  using type = float;
};
template <>
struct arithmetic_of<bfloat16> {
  using type = float;
};

}  // namespace detail

/// A type that activations are stored in: float, double, half or bfloat16.
template <class T>
concept storage = requires {
  typename detail::arithmetic_of<std::remove_cv_t<T>>::type;
};

/// The type that arithmetic on stored values of type T is done in: float for half, bfloat16 and float; double for
/// double.
template <storage T>
using arithmetic_t = typename detail::arithmetic_of<std::remove_cv_t<T>>::type;

/// Reads a stored value for arithmetic: exact for every type.
template <storage T>
[[nodiscard]] DFROT_HOST_DEVICE constexpr arithmetic_t<T> load(T value) {
  return static_cast<arithmetic_t<T>>(value);
}

/// Writes an arithmetic value back to its storage type, rounding to nearest, ties to even. A value too large for T becomes
/// infinite, as IEEE 754 has it, so that the next check finds it: this is how transforms write. See store_saturated().
template <storage T>
[[nodiscard]] DFROT_HOST_DEVICE constexpr T store(arithmetic_t<T> value) {
  return static_cast<T>(value);
}

namespace detail {

/// The bits of a stored value without its sign, and those of infinity, above which come the NaNs.
template <storage T>
using bits_of =
    std::conditional_t<sizeof(T) == 2, std::uint16_t, std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
template <storage T>
inline constexpr bits_of<T> magnitude_mask = static_cast<bits_of<T>>(static_cast<bits_of<T>>(~bits_of<T>{0}) >> 1u);
template <storage T>
inline constexpr bits_of<T> infinity_bits = bit_cast<bits_of<T>>(T(std::numeric_limits<float>::infinity()));

template <storage T>
[[nodiscard]] DFROT_HOST_DEVICE constexpr bits_of<T> magnitude_bits(T const& stored) {
  return static_cast<bits_of<T>>(bit_cast<bits_of<T>>(stored) & magnitude_mask<T>);
}

}  // namespace detail

/// True for a stored value that is neither infinite nor NaN. By its bits, since flags like -fno-honor-nans let clang++ drop
/// std::isfinite(); by reference, since they let it assume the same of arguments that are handed over by value.
template <storage T>
[[nodiscard]] DFROT_HOST_DEVICE constexpr bool is_finite(T const& stored) {
  return detail::magnitude_bits(stored) < detail::infinity_bits<T>;
}

/// True for NaN; as is_finite().
template <storage T>
[[nodiscard]] DFROT_HOST_DEVICE constexpr bool is_nan(T const& stored) {
  return detail::magnitude_bits(stored) > detail::infinity_bits<T>;
}

/// The largest finite value of a storage type: 65504 for half. A constant, since devices cannot call functions of the standard
/// library.
template <storage T>
inline constexpr arithmetic_t<T> largest_finite = std::numeric_limits<arithmetic_t<T>>::max();
template <>
inline constexpr float largest_finite<half> = 65504.0F;
template <>
inline constexpr float largest_finite<bfloat16> = 0x1.fep127F;

namespace detail {

/// A finite value that is too large for T made T's largest; infinities and NaN stay.
template <storage T, class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr Real saturated(Real const& value) {
  if constexpr (static_cast<double>(largest_finite<T>) < static_cast<double>(largest_finite<Real>)) {
    constexpr Real most = static_cast<Real>(largest_finite<T>);
    if (is_finite(value)) {
      return value > most ? most : (value < -most ? -most : value);
    }
  }
  return value;
}

}  // namespace detail

/// Writes a finite value that is too large for T as T's largest, and others as store(): this is how decoders write. Codes of
/// finite values stand for finite values, although a grid may reach beyond the largest of them.
template <storage T, class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr T store_saturated(Real value) {
  return store<T>(static_cast<arithmetic_t<T>>(detail::saturated<T>(value)));
}

}  // namespace dfrot
