#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/loss/weighted_error.hpp>
#include <dfrot/optimize/refine_rotation.hpp>

namespace dfrot::program {

/// Which rows the refinement sees, and which are kept aside to judge it on.
struct token_split {
  std::vector<std::size_t> used;      ///< in ascending order
  std::vector<std::size_t> held_out;  ///< in ascending order; empty without --holdout
};

/// What quantization does under one rotation: token by token, and in sum.
struct rotation_errors {
  std::vector<token_error> tokens;        ///< all tokens, in the order of the input
  error_summary used;                     ///< over the rows used
  std::optional<error_summary> held_out;  ///< over the rows held out, if there are any
};

/// All that a run found out; the outputs are made from it.
struct outcome {
  std::string input;  ///< the file as the user named it, or what the built-in sample is
  std::size_t rows = 0;
  std::size_t channels = 0;
  token_split split;
  massive_tokens massive;      ///< over all rows
  rotation_errors none;        ///< without a rotation
  rotation_errors orthogonal;  ///< a random orthogonal rotation
  rotation_errors hadamard;    ///< a randomized Hadamard
  rotation_errors start;       ///< the start of the refinement; one of the two above, or from a file
  rotation_errors refined;
  refined_rotation<float> refinement;
  matrix<float> start_rotation;
  double orthogonality = 0;  ///< ||R^T R - I||_F / sqrt(n) of the refined rotation
  double seconds = 0;        ///< of the whole run, writing excepted
};

}  // namespace dfrot::program
