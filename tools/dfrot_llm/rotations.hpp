#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

#include "ranks.hpp"
#include "residual_rotation.hpp"

namespace dfrot::program {

/// How a rotation is made.
struct rotation_request {
  std::string name;  ///< none, orthogonal, hadamard, a method of fit_settings, or a file
  std::size_t channels = 0;
  std::uint64_t seed = 0;
  int threads = 1;
  int4_scheme scheme;                   ///< that rotations are fitted for
  matrix<float> const* rows = nullptr;  ///< calibration_rows(), where it is fitted
  /// Called after each round of a fit, with its number and that of the last one at most; may throw to stop.
  std::function<void(int, int)> round_done;
  ranks const* together = &alone();  ///< those who make it together, each with all rows
};

/// Throws: io_error for a file that is no orthogonal matrix of so many channels; std::invalid_argument where there is no Hadamard
/// matrix of so many.
[[nodiscard]] residual_rotation make_rotation(rotation_request const& request);

}  // namespace dfrot::program
