#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <dfrot/io/ggml_type.hpp>

namespace dfrot {

/// A tensor of a GGUF file: what its header says of it.
struct gguf_tensor {
  std::string name;
  ggml_type type = ggml_type::f32;
  std::vector<std::size_t> shape;  ///< in C order, the last dimension neighbouring: the file has it the other way round
  std::uint64_t begin = 0;         ///< of its bytes in the file

  /// The last dimension: of a weight, its inputs.
  [[nodiscard]] std::size_t columns() const { return shape.back(); }
  /// All dimensions but the last, multiplied: of a weight, its outputs.
  [[nodiscard]] std::size_t rows() const {
    std::size_t product = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
      product *= shape[i];
    }
    return product;
  }
  /// The bytes of a row as it is stored; 0 for a type that is not known.
  [[nodiscard]] std::size_t row_bytes() const {
    ggml_layout const layout = layout_of(type);
    return layout.block == 0 ? 0 : columns() / layout.block * layout.bytes;
  }
};

}  // namespace dfrot
