#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <dfrot/core/matrix.hpp>
#include <dfrot/io/safetensors.hpp>

#include "model_source.hpp"
#include "packed_weight.hpp"

// Weights in 4 bits as folders keep them: MODULE.weight_packed (int32, eight codes a number, the first in its lowest bits, as
// code + 8), MODULE.weight_scale (outputs x groups), MODULE.weight_shape. Source: pack-quantized of compressed-tensors.
namespace dfrot::program {

/// "model.layers.3.mlp.up_proj", of the tensor's name in a folder without ".weight".
[[nodiscard]] std::string module_name(tensor_id id);

/// Codes of a weight as numbers of 32 bits; a row is filled up with zeros.
[[nodiscard]] matrix<std::int32_t> packed_numbers(packed_weight const& weight);

/// Whether the file has codes of a weight.
[[nodiscard]] bool has_packed(safetensors_file const& file, tensor_id id);

/// Reads rows first ... first + count - 1 of a weight.
/// @param shape of the whole weight   @param group inputs that share a scale; 0: all
/// Throws: io_error naming the tensor: one is missing, of another type or shape; there are zero points, or an order of columns; a
/// scale is not finite.
[[nodiscard]] packed_weight read_packed(safetensors_file const& file, tensor_id id, tensor_shape shape,
                                        std::size_t group, std::size_t first, std::size_t count);

}  // namespace dfrot::program
