#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <dfrot/config.hpp>

namespace dfrot {

/// The type of a value among a GGUF file's metadata, with its number in the file.
enum class gguf_type : std::uint32_t {
  uint8 = 0,
  int8 = 1,
  uint16 = 2,
  int16 = 3,
  uint32 = 4,
  int32 = 5,
  float32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  uint64 = 10,
  int64 = 11,
  float64 = 12,
};

namespace detail {

inline constexpr std::uint32_t gguf_type_count = 13;

[[nodiscard]] constexpr char const* gguf_type_name(gguf_type type) {
  constexpr std::array<char const*, gguf_type_count> names = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                              "int32",  "float32", "bool",   "string", "array",
                                                              "uint64", "int64",   "float64"};
  return names[static_cast<std::size_t>(type)];
}

/// Bytes of one value; 0 for strings and arrays, which differ.
[[nodiscard]] constexpr std::size_t gguf_type_size(gguf_type type) {
  constexpr std::array<std::size_t, gguf_type_count> sizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}

template <class T>
[[nodiscard]] constexpr gguf_type gguf_type_of() {
  if constexpr (std::same_as<T, bool>) {
    return gguf_type::boolean;
  } else if constexpr (std::same_as<T, std::string>) {
    return gguf_type::string;
  } else if constexpr (std::floating_point<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    return sizeof(T) == 4 ? gguf_type::float32 : gguf_type::float64;
  } else {
    constexpr bool is_signed = std::is_signed_v<T>;
    switch (sizeof(T)) {
      case 1:
        return is_signed ? gguf_type::int8 : gguf_type::uint8;
      case 2:
        return is_signed ? gguf_type::int16 : gguf_type::uint16;
      case 4:
        return is_signed ? gguf_type::int32 : gguf_type::uint32;
      default:
        return is_signed ? gguf_type::int64 : gguf_type::uint64;
    }
  }
}

}  // namespace detail

}  // namespace dfrot
