#pragma once

#include <cstdint>
#include <string>

#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

#include "rotation_names.hpp"
#include "support/massive_choice.hpp"

namespace dfrot::program {

/// How a rotation is fitted to a model's activations.
struct fit_settings {
  std::string method =
      "refined";              ///< refined: all directions; short: those of massive tokens; paper: the paper's iteration
  int4_scheme scheme;         ///< of the tokens
  refine_options refinement;  ///< of a short rotation only the rounds count
  massive_choice massive;
  std::uint64_t seed = 0;  ///< of the Hadamard at the start
  int threads = 1;
};

/// The settings that a method has where nothing else is asked for. Those of `paper` are the paper's: its quantizer takes the
/// largest magnitude, whatever scheme is in use afterwards.   @pre is_fitted(method)
[[nodiscard]] inline fit_settings settings_of(std::string const& method, int4_scheme scheme) {
  fit_settings chosen;
  chosen.method = method;
  if (method == "paper") {
    chosen.refinement = {.alpha = 100, .rounds = 100, .momentum = 0, .target_clip = 1, .patience = 0};
  } else {
    chosen.scheme = scheme;
    chosen.refinement.momentum = recommended_momentum(scheme.scale);
  }
  return chosen;
}

}  // namespace dfrot::program
