#pragma once

#include <cstddef>
#include <cstdint>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <vector>

namespace dfrot::example {

/// What the lines below make of the same tokens, in host memory.
struct outcome {
  std::vector<std::uint8_t> packed;   ///< codes of the tokens
  std::vector<float> values;          ///< what they stand for
  std::vector<std::uint8_t> rotated;  ///< codes of the rotated tokens
  std::vector<token_error> errors;    ///< of the tokens
};

/// Everything that the lines read and write, in the memory of their policy.
template <class Space>
struct operands {
  matrix_view<float const, Space> tokens;
  quantized_rows<std::uint8_t, float, Space> codes;
  quantized_rows<std::uint8_t, float, Space> rotated;
  matrix_view<float, Space> values;
  vector_view<token_error, Space> errors;
  vector_view<float, Space> workspace;  ///< rotate_quantize_workspace_size() values
};

// [lines]
/// Quantizes tokens, turns the codes back, measures the error, and quantizes the rotated tokens: wherever `on` says.
/// @param rotation in that memory: to<Space>(on, rotation)
template <execution_policy P, rotation R>
void same_lines(P const& on, R const& rotation, operands<typename P::memory_space> const& data) {
  int4_scheme const scheme{true, 128, 0.95F, scale_rule::max};
  quantize(on, scheme, data.tokens, data.codes);
  dequantize(on, scheme, data.codes, data.values);
  token_errors(on, scheme, data.tokens, data.errors);
  rotate_quantize(on, rotation, scheme, data.tokens, data.rotated, data.workspace);
}
// [lines]

inline constexpr std::size_t groups_of(std::size_t channels) { return (channels + 127) / 128; }

/// same_lines() on a CUDA device, in a source of its own: nvcc compiles it. False if there is no device; `why` says it.
[[nodiscard]] bool run_on_device(randomized_hadamard const& rotation, matrix_view<float const> tokens, outcome& result,
                                 char const*& why);

}  // namespace dfrot::example
