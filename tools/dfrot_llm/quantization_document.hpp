#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "bit_scheme.hpp"
#include "model_config.hpp"

namespace dfrot::program {

/// Who reads a quantized folder: whatever knows compressed-tensors, or this program alone.
enum class quantized_format : std::uint8_t { compressed_tensors, dfrot };

/// What config.json says of weights in 4 bits.
struct quantization {
  quantized_format format = quantized_format::compressed_tensors;
  std::size_t group = 0;  ///< inputs of a weight that share a scale; 0: all
  bit_scheme bits{4, 16, 16};
  stored_rotations rotations;
  std::string residual = "none";  ///< the name of R1
  std::string method = "rtn";
};

/// Adds quantization_config, and under the key "dfrot" the rotations that a run has to compute, and the bits that the model is for.
/// Source: the layout pack-quantized of compressed-tensors.
void describe_quantization(quantization const& what, nlohmann::ordered_json& document);

/// Reads that from config.json; none where nothing is quantized.   @param file its name, for messages
/// Throws: io_error naming the method, layout or setting that is not known: asymmetric codes, an order of columns, transforms that
/// this program did not write.
[[nodiscard]] std::optional<quantization> read_quantization(nlohmann::json const& document, std::string const& file,
                                                            model_config const& config);

}  // namespace dfrot::program
