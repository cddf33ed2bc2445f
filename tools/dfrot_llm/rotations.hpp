#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

#include "batch.hpp"
#include "model_source.hpp"
#include "residual_rotation.hpp"

namespace dfrot::program {

/// Whether a rotation is fitted to the model's activations: "short" and "refined" are.
[[nodiscard]] bool needs_calibration(std::string const& name);

/// What rotations are fitted to: RMS norm outputs before the gain, of all layers, in front of attention and of the MLP.
/// @return (2 layers tokens x hidden)   @param layer_done as in forward_options
/// Source: Xiang, Zhang, arXiv 2412.00648, section 4.1.
[[nodiscard]] matrix<float> calibration_rows(int threads, model_source const& source, batch const& tokens,
                                             std::function<void(std::size_t)> const& layer_done);

/// How a rotation is made.
struct rotation_request {
  std::string name;  ///< none, orthogonal, hadamard, short, refined, or a file
  std::size_t channels = 0;
  std::uint64_t seed = 0;
  int threads = 1;
  int4_scheme scheme;                            ///< that rotations are fitted for
  matrix<float> const* rows = nullptr;           ///< calibration_rows(), where they are needed
  std::function<void(std::string const&)> show;  ///< called with what is being done; may throw to stop
};

/// Throws: io_error for a file that is no orthogonal matrix of so many channels; std::invalid_argument where there is no Hadamard
/// matrix of so many.
[[nodiscard]] residual_rotation make_rotation(rotation_request const& request);

}  // namespace dfrot::program
