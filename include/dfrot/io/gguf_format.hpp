#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/io/ggml_type.hpp>
#include <dfrot/io/gguf_metadata.hpp>
#include <dfrot/io/gguf_tensor.hpp>
#include <dfrot/io/gguf_value.hpp>

namespace dfrot::detail {

// What the reader and the writer of GGUF files agree on.

inline constexpr std::string_view gguf_magic = "GGUF";
inline constexpr std::uint64_t gguf_default_alignment = 32;
inline constexpr std::size_t gguf_longest_name = 65535;

/// Of a tensor: their bytes, eight a value at most, are then a number of 64 bits.
inline constexpr std::uint64_t gguf_most_values = std::uint64_t{1} << 60U;

/// A byte that no name has: a control character or, where names are ASCII, any other that is no visible one.
[[nodiscard]] constexpr bool is_name_byte(unsigned char byte, bool ascii) {
  return byte >= ' ' && byte != 0x7f && (!ascii || byte < 0x80);
}

[[nodiscard]] constexpr bool is_gguf_name(std::string_view name, std::size_t longest, bool ascii) {
  for (char const c : name) {
    if (!is_name_byte(static_cast<unsigned char>(c), ascii)) {
      return false;
    }
  }
  return !name.empty() && name.size() <= longest;
}

/// Puts tensors one after the other, from offset 0 on.
inline void place_gguf_offsets(std::vector<gguf_tensor>& tensors, std::uint64_t alignment) {
  std::uint64_t offset = 0;
  for (gguf_tensor& tensor : tensors) {
    tensor.begin = offset;
    offset += tensor.rows() * tensor.row_bytes();
    offset += (alignment - offset % alignment) % alignment;
  }
}

/// All that stands before the numbers, without the padding that follows.   @param tensors `begin` is an offset
[[nodiscard]] inline std::string gguf_header_bytes(gguf_metadata::map const& values,
                                                   std::vector<gguf_tensor> const& tensors) {
  std::string bytes(gguf_magic);
  auto const number = [&]<class T>(T value) { append_gguf_element(bytes, value); };
  number(std::uint32_t{3});
  number(std::uint64_t{tensors.size()});
  number(std::uint64_t{values.size()});
  for (auto const& [key, value] : values) {
    append_gguf_element(bytes, key);
    if (value.is_array) {
      number(static_cast<std::uint32_t>(gguf_type::array));
    }
    number(static_cast<std::uint32_t>(value.type));
    if (value.is_array) {
      number(value.count);
    }
    bytes += value.bytes;
  }
  for (gguf_tensor const& tensor : tensors) {
    append_gguf_element(bytes, tensor.name);
    number(static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t i = tensor.shape.size(); i > 0; --i) {
      number(std::uint64_t{tensor.shape[i - 1]});
    }
    number(static_cast<std::uint32_t>(tensor.type));
    number(tensor.begin);
  }
  return bytes;
}

}  // namespace dfrot::detail
