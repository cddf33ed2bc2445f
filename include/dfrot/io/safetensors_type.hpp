#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include <dfrot/core/numeric.hpp>
#include <dfrot/format/e4m3.hpp>

namespace dfrot {

/// What the numbers of a tensor in a safetensors file are.
enum class safetensors_type : std::uint8_t {
  boolean,
  u8,
  i8,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  i64,
  u64,
  f64,
  c64,
  f4,
  f6_e2m3,
  f6_e3m2
};

namespace detail {

struct safetensors_type_facts {
  std::string_view name;  // as files write it
  unsigned bits;          // of a number
};

/// In the order of safetensors_type.
inline constexpr std::array<safetensors_type_facts, 20> safetensors_types = {{
    {"BOOL", 8}, {"U8", 8},   {"I8", 8},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"I16", 16},
    {"U16", 16}, {"F16", 16}, {"BF16", 16}, {"I32", 32},    {"U32", 32},    {"F32", 32},    {"I64", 64},
    {"U64", 64}, {"F64", 64}, {"C64", 64},  {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},
}};

[[nodiscard]] constexpr safetensors_type_facts const& facts_of(safetensors_type type) {
  return safetensors_types[static_cast<std::size_t>(type)];
}

}  // namespace detail

/// The name of a type in files: "BF16".
[[nodiscard]] constexpr std::string_view name_of(safetensors_type type) { return detail::facts_of(type).name; }

/// The bits of one number: 16 for BF16, 4 for F4.
[[nodiscard]] constexpr unsigned bits_per_number(safetensors_type type) { return detail::facts_of(type).bits; }

/// The type of a name in files, or none.
[[nodiscard]] constexpr std::optional<safetensors_type> safetensors_type_of(std::string_view name) {
  for (std::size_t i = 0; i < detail::safetensors_types.size(); ++i) {
    if (detail::safetensors_types[i].name == name) {
      return static_cast<safetensors_type>(i);
    }
  }
  return std::nullopt;
}

/// Whether memory of T holds the numbers of a type as they stand: float for F32, half for F16, std::int32_t for I32, …;
/// std::uint8_t for U8, and for the bits of BOOL and the types of 8 bits.
template <class T>
[[nodiscard]] constexpr bool is_stored_as(safetensors_type type) {
  using enum safetensors_type;
  switch (type) {
    case f16:
      return std::is_same_v<T, half>;
    case bf16:
      return std::is_same_v<T, bfloat16>;
    case f32:
      return std::is_same_v<T, float>;
    case f64:
      return std::is_same_v<T, double>;
    case i8:
      return std::is_same_v<T, std::int8_t>;
    case i16:
      return std::is_same_v<T, std::int16_t>;
    case u16:
      return std::is_same_v<T, std::uint16_t>;
    case i32:
      return std::is_same_v<T, std::int32_t>;
    case u32:
      return std::is_same_v<T, std::uint32_t>;
    case i64:
      return std::is_same_v<T, std::int64_t>;
    case u64:
      return std::is_same_v<T, std::uint64_t>;
    case f8_e4m3:
      return std::is_same_v<T, std::uint8_t> || std::is_same_v<T, e4m3>;
    case boolean:
    case u8:
    case f8_e5m2:
    case f8_e8m0:
      return std::is_same_v<T, std::uint8_t>;
    case c64:
    case f4:
    case f6_e2m3:
    case f6_e3m2:
      return false;
  }
  return false;
}

}  // namespace dfrot
