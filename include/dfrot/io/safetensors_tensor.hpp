#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/safetensors_type.hpp>

namespace dfrot {

/// A tensor of a safetensors file: what the header says of it.
struct safetensors_tensor {
  std::string name;
  safetensors_type type = safetensors_type::f32;
  std::vector<std::uint64_t> shape;  ///< as the file has it; empty for a single number
  std::uint64_t begin = 0;           ///< its first byte, counted from the first one after the header
  std::uint64_t end = 0;             ///< one after its last byte

  /// Rows and columns of the tensor as a matrix: the last length is that of a row, all others together count rows. A vector of
  /// n numbers, such as a gain, is one row of n.
  [[nodiscard]] std::size_t rows() const {
    std::size_t count = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
      count *= shape[i];
    }
    return count;
  }
  [[nodiscard]] std::size_t columns() const { return shape.empty() ? 1 : shape.back(); }
};

/// Texts about a model, by name.
using safetensors_metadata = std::map<std::string, std::string, std::less<>>;

/// What stands before the numbers of a safetensors file.
struct safetensors_header {
  std::vector<safetensors_tensor> tensors;  ///< in the order of their bytes
  safetensors_metadata metadata;
};

namespace detail {

/// The longest header that readers of this format take.
inline constexpr std::uint64_t longest_safetensors_header = 100'000'000;

/// Bytes of a tensor, or none where they are no whole number, or more than any file has. Lengths of 0 do not hide others: a shape
/// whose product wraps is refused, empty or not.
[[nodiscard]] inline std::optional<std::uint64_t> safetensors_size(safetensors_type type,
                                                                   std::vector<std::uint64_t> const& shape) {
  std::uint64_t bits = bits_per_number(type);
  bool empty = false;
  for (std::uint64_t const length : shape) {
    if (length != 0 && bits > (std::uint64_t{1} << 62U) / length) {
      return std::nullopt;
    }
    bits *= length == 0 ? 1 : length;
    empty = empty || length == 0;
  }
  if (!empty && bits % 8 != 0) {
    return std::nullopt;
  }
  return empty ? 0 : bits / 8;
}

/// A shape for a message: its first lengths.
[[nodiscard]] inline std::string safetensors_shape_text(std::vector<std::uint64_t> const& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i == 6) {
      text += ", ...";
      break;
    }
    text += message(i == 0 ? "" : ", ", shape[i]);
  }
  return text + "]";
}

}  // namespace detail

}  // namespace dfrot
