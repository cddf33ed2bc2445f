#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <dfrot/core/expects.hpp>

namespace dfrot {

/// How the values of a GGUF tensor are stored: those that this library decodes, with their numbers in the file.
enum class ggml_type : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  bf16 = 30,
  mx_fp4 = 39,  // "mxfp4" would hide the scheme of that name, which -Wshadow refuses
};

/// What is known of a type: `block` neighbouring values of a row take `bytes` bytes. A type without a block has no known size.
struct ggml_layout {
  char const* name = nullptr;
  std::size_t block = 0;
  std::size_t bytes = 0;
  bool decoded = false;  ///< whether decode_ggml_row() knows it
};

/// The layout of a type by its number in the file, decoded or not, so that sizes are checked and names can be said.
/// Complexity: O(1).   Source: the enumeration of ggml, as its file format fixes it.
[[nodiscard]] constexpr ggml_layout layout_of(ggml_type type) {
  switch (static_cast<std::uint32_t>(type)) {
    case 0:
      return {"F32", 1, 4, true};
    case 1:
      return {"F16", 1, 2, true};
    case 2:
      return {"Q4_0", 32, 18, true};
    case 3:
      return {"Q4_1", 32, 20, true};
    case 6:
      return {"Q5_0", 32, 22, true};
    case 7:
      return {"Q5_1", 32, 24, true};
    case 8:
      return {"Q8_0", 32, 34, true};
    case 9:
      return {"Q8_1", 32, 40};
    case 10:
      return {"Q2_K", 256, 84};
    case 11:
      return {"Q3_K", 256, 110};
    case 12:
      return {"Q4_K", 256, 144, true};
    case 13:
      return {"Q5_K", 256, 176, true};
    case 14:
      return {"Q6_K", 256, 210, true};
    case 15:
      return {"Q8_K", 256, 292};
    case 16:
      return {"IQ2_XXS", 256, 66};
    case 17:
      return {"IQ2_XS", 256, 74};
    case 18:
      return {"IQ3_XXS", 256, 98};
    case 19:
      return {"IQ1_S", 256, 50};
    case 20:
      return {"IQ4_NL", 32, 18};
    case 21:
      return {"IQ3_S", 256, 110};
    case 22:
      return {"IQ2_S", 256, 82};
    case 23:
      return {"IQ4_XS", 256, 136};
    case 24:
      return {"I8", 1, 1};
    case 25:
      return {"I16", 1, 2};
    case 26:
      return {"I32", 1, 4};
    case 27:
      return {"I64", 1, 8};
    case 28:
      return {"F64", 1, 8};
    case 29:
      return {"IQ1_M", 256, 56};
    case 30:
      return {"BF16", 1, 2, true};
    case 34:
      return {"TQ1_0", 256, 54};
    case 35:
      return {"TQ2_0", 256, 66};
    case 39:
      return {"MXFP4", 32, 17, true};
    case 40:
      return {"NVFP4", 64, 36};
    default:
      return {};
  }
}

/// The name of a type, or "type 77".
[[nodiscard]] inline std::string name_of(ggml_type type) {
  char const* const name = layout_of(type).name;
  return name != nullptr ? std::string(name) : message("type ", static_cast<std::uint32_t>(type));
}

}  // namespace dfrot
