#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/numeric.hpp>
#include <dfrot/io/gguf_type.hpp>

namespace dfrot {

/// A value, or an array of values, as it stands in the file: little endian, strings with their lengths (uint64) before them.
struct gguf_value {
  gguf_type type = gguf_type::uint8;  ///< of the value, or of the array's elements: never `array`
  bool is_array = false;
  std::uint64_t count = 0;  ///< of elements; 1 for what is no array
  std::string bytes;
};

/// What metadata may be asked for as: a number, a truth value or a text.
template <class T>
concept gguf_scalar = std::is_arithmetic_v<T> || std::same_as<T, std::string>;

namespace detail {

/// A stored number as a T that has the same value; nothing where there is none, or where one is a whole number and the other is not.
template <class T, class Stored>
[[nodiscard]] std::optional<T> same_number(Stored value) {
  if constexpr (std::floating_point<T> && std::floating_point<Stored>) {
    auto const result = static_cast<T>(value);
    return is_finite(value) && !is_finite(result) ? std::nullopt : std::optional<T>(result);
  } else if constexpr (std::integral<T> && std::integral<Stored> && !std::same_as<T, bool>) {
    return std::in_range<T>(value) ? std::optional<T>(static_cast<T>(value)) : std::nullopt;
  } else {
    return std::nullopt;
  }
}

/// Calls use(number) with the stored number. @pre neither a string nor a truth value
template <class Use>
auto with_gguf_number(gguf_type type, char const* at, Use const& use) {
  auto const as = [&]<class Stored>(Stored value) {
    std::memcpy(&value, at, sizeof value);
    return use(value);
  };
  switch (type) {
    case gguf_type::uint8:
      return as(std::uint8_t{});
    case gguf_type::int8:
      return as(std::int8_t{});
    case gguf_type::uint16:
      return as(std::uint16_t{});
    case gguf_type::int16:
      return as(std::int16_t{});
    case gguf_type::uint32:
      return as(std::uint32_t{});
    case gguf_type::int32:
      return as(std::int32_t{});
    case gguf_type::float32:
      return as(float{});
    case gguf_type::uint64:
      return as(std::uint64_t{});
    case gguf_type::int64:
      return as(std::int64_t{});
    default:
      return as(double{});
  }
}

/// Takes the next element from the front of `bytes`; nothing where it is no T.
template <gguf_scalar T>
[[nodiscard]] std::optional<T> take_gguf_element(gguf_type type, std::string_view& bytes) {
  if constexpr (std::same_as<T, std::string>) {
    std::uint64_t length = 0;
    if (type != gguf_type::string || bytes.size() < sizeof length) {
      return std::nullopt;
    }
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(sizeof length);
    std::string text(bytes.substr(0, static_cast<std::size_t>(length)));
    bytes.remove_prefix(text.size());
    return text;
  } else {
    std::size_t const size = gguf_type_size(type);
    if (size == 0 || bytes.size() < size) {
      return std::nullopt;
    }
    char const* const at = bytes.data();
    bytes.remove_prefix(size);
    if constexpr (std::same_as<T, bool>) {
      bool const is_truth_value = type == gguf_type::boolean && (*at == 0 || *at == 1);
      return is_truth_value ? std::optional<bool>(*at == 1) : std::nullopt;
    } else {
      return type == gguf_type::boolean ? std::optional<T>()
                                        : with_gguf_number(type, at, [](auto value) { return same_number<T>(value); });
    }
  }
}

template <gguf_scalar T>
void append_gguf_element(std::string& bytes, T const& value) {
  if constexpr (std::same_as<T, std::string>) {
    std::uint64_t const length = value.size();
    bytes.append(reinterpret_cast<char const*>(&length), sizeof length);
    bytes += value;
  } else {
    bytes.append(reinterpret_cast<char const*>(&value), sizeof value);
  }
}

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

/// A value as a T: nothing where it is none, that is, of another kind, no array, or an array, or out of T's range. @pre as a file
/// that was checked holds it
template <class T>
[[nodiscard]] std::optional<T> gguf_value_as(gguf_value const& value) {
  std::string_view bytes = value.bytes;
  if (value.is_array != is_vector<T>) {
    return std::nullopt;
  }
  if constexpr (is_vector<T>) {
    T all;
    all.reserve(static_cast<std::size_t>(value.count));
    for (std::uint64_t i = 0; i < value.count; ++i) {
      std::optional<typename T::value_type> element = take_gguf_element<typename T::value_type>(value.type, bytes);
      if (!element) {
        return std::nullopt;
      }
      all.push_back(std::move(*element));
    }
    return all;
  } else {
    return take_gguf_element<T>(value.type, bytes);
  }
}

}  // namespace detail

/// A value in the form of the file.   make_gguf_value(std::uint32_t{7});   make_gguf_value(std::string("llama"))
template <gguf_scalar T>
[[nodiscard]] gguf_value make_gguf_value(T const& value) {
  gguf_value result{detail::gguf_type_of<T>(), false, 1, {}};
  detail::append_gguf_element(result.bytes, value);
  return result;
}

/// An array in the form of the file.
template <gguf_scalar T>
[[nodiscard]] gguf_value make_gguf_value(std::vector<T> const& values) {
  gguf_value result{detail::gguf_type_of<T>(), true, values.size(), {}};
  for (auto const& value : values) {
    detail::append_gguf_element<T>(result.bytes, value);
  }
  return result;
}

}  // namespace dfrot
